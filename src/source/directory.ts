import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { cancellable } from "../core/cancellation.ts";
import { configPlatform, parseConfig } from "../core/config.ts";
import { digestFromHex } from "../core/digest.ts";
import { LayerfsError } from "../core/errors.ts";
import type { ImageSource } from "../core/image.ts";
import { hostPlatform, type Platform } from "../core/platform.ts";
import { readExtent } from "./extent.ts";
import { openSpoolFile } from "./spool-file.ts";

export interface DirectoryOptions {
  /** Where the layer's tar is kept, in a file without a name, until the source is closed. */
  readonly spoolDirectory: string;
  /** Makes the layer's tar of a directory; the same bytes for the same tree. */
  readonly directoryTar: (directory: string) => AsyncIterable<Buffer>;
  /** What the image says that it runs on; default: this machine's. */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A plain directory as an image of one layer without a name. Its id depends on the tree and the platform alone: the
 * same tree is the same image, wherever and whenever it is read.
 *
 * Codes: those of `directoryTar`, NO_SPACE, PERMISSION, SYSTEM, CANCELLED.
 */
export async function openDirectorySource(path: string, options: DirectoryOptions): Promise<ImageSource> {
  const spool = await openSpoolFile(options.spoolDirectory);
  try {
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of cancellable(options.directoryTar(resolve(path)), options.signal)) {
      hash.update(chunk);
      await spool.write(chunk);
      length += chunk.length;
    }
    const diffID = digestFromHex(hash.digest("hex"));
    const config = parseConfig(configOf(diffID, options.platform ?? hostPlatform()));
    const extent = { fd: spool.file.fd, offset: 0, length };
    const open = (): AsyncIterable<Uint8Array> => readExtent(extent, `directory ${path}`);
    const layer = { diffID, extent, open, openTar: open, tarSize: async () => length };
    const image = { id: config.digest, config, platform: configPlatform(config), names: [], layers: [layer] };
    return { images: [image], [Symbol.asyncDispose]: () => spool.file.close() };
  } catch (error) {
    await spool.file.close();
    throw notFound(error, path);
  }
}

function configOf(diffID: string, { os, architecture, variant }: Platform): Buffer {
  const rootfs = { type: "layers", diff_ids: [diffID] };
  const history = [{ created_by: "a plain directory" }];
  return Buffer.from(JSON.stringify({ architecture, ...(variant && { variant }), os, config: {}, rootfs, history }));
}

function notFound(error: unknown, path: string): unknown {
  if (!(error instanceof LayerfsError) || error.errno !== "ENOENT") return error;
  return new LayerfsError("NOT_FOUND", `directory ${path}: there is no such directory`, { cause: error });
}
