import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** What a client asked a forward proxy for. */
export interface ForwardedRequest {
  /** `CONNECT r.example:443`, `GET http://r.example/v2/`. */
  readonly line: string;
  /** `Proxy-Authorization`. */
  readonly authorization: string | null;
}

/** An HTTP proxy that clients are told to use. */
export interface ForwardProxy extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly requests: readonly ForwardedRequest[];
}

/** Starts one on a free port of loopback. Whatever host is asked for, it leads to `target`, `127.0.0.1:PORT`. */
export async function startForwardProxy(target: string): Promise<ForwardProxy> {
  const requests: ForwardedRequest[] = [];
  const sockets = new Set<Socket>();
  const [host, port] = [target.split(":")[0]!, Number(target.split(":")[1])];
  const server = createServer((request, response) => {
    const authorization = request.headers["proxy-authorization"] ?? null;
    requests.push({ line: `${request.method} ${request.url}`, authorization });
    const { pathname, search } = new URL(request.url ?? "");
    const { method, headers } = request;
    const asked = httpRequest({ host, port, method, path: pathname + search, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    asked.on("error", () => response.destroy());
    request.pipe(asked);
  });
  server.on("connect", (request, client: Socket) => {
    requests.push({ line: `CONNECT ${request.url}`, authorization: request.headers["proxy-authorization"] ?? null });
    const upstream = connect(port, host, () => {
      client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
