import type { Images } from "../program.ts";

/** A way to work with containers: a program's commands, its API, or a library in this process. */
export interface ContainerPeer {
  readonly name: string;
  readonly isOurs: boolean;
  /** Programs without which it cannot be measured. */
  readonly needs: readonly string[];
  version(): string;
  /** Begins on `store`, an empty directory, with the image loaded. */
  start(store: string, image: string, images: Images): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** Whether it runs already, so that a call starts no process. */
  readonly isResident: boolean;
  /** Of the image; returns what names the container. */
  create(): Promise<string>;
  remove(container: string): Promise<void>;
  /** Absent where the peer cannot mount. Returns the directory. */
  readonly mount?: (container: string) => Promise<string>;
  readonly unmount?: (container: string) => Promise<void>;
  /** Unpacks a tar into the container's tree. */
  change(container: string, tar: string): Promise<void>;
  /** Absent where the peer has no such thing. Returns the number of changed paths. */
  readonly diff?: (container: string) => Promise<number>;
  commit(container: string, reference: string): Promise<void>;
  removeImage(reference: string): Promise<void>;
  stop(): Promise<void>;
}
