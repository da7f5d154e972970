/** The body of a request while it is sent. */
export interface WatchedBody {
  readonly bytes: Uint8Array | AsyncIterable<Uint8Array>;
  /** What reading the bytes failed with, which the sender only sees as a connection that ended; undefined: nothing. */
  readonly failure: unknown;
  /** Aborted when the other side has taken no bytes for so long; its reason is an Error with the code ETIMEDOUT. */
  readonly stalled: AbortSignal;
  /** Call it when the request is over. */
  end(): void;
}

/** The time limit counts from when bytes are given until more are asked for. In milliseconds. */
export function watchedBody(body: Uint8Array | AsyncIterable<Uint8Array>, stallTimeout: number): WatchedBody {
  const controller = new AbortController();
  let failure: unknown;
  let timer: NodeJS.Timeout | undefined;
  const stall = (): void => {
    const message = `no byte was taken for ${stallTimeout} ms`;
    controller.abort(Object.assign(new Error(message), { code: "ETIMEDOUT" }));
  };
  const watched = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) {
        timer = setTimeout(stall, stallTimeout);
        yield chunk;
        clearTimeout(timer);
      }
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    bytes: body instanceof Uint8Array ? body : watched(body),
    get failure() {
      return failure;
    },
    stalled: controller.signal,
    end: () => clearTimeout(timer),
  };
}
