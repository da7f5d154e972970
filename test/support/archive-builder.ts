import { digestOf } from "../../src/core/digest.ts";

/** An entry of an archive made for a test; a file unless it says otherwise. */
export interface ArchivePart {
  readonly name: string;
  readonly content?: Buffer | string;
  readonly linkTo?: string;
  /** Type flag of the tar header. */
  readonly type?: "0" | "1" | "2" | "3" | "5";
}

/** A ustar archive of the parts with its end marker. Independent of the project's own tar writer, which it helps to test. */
export function buildTar(parts: readonly ArchivePart[]): Buffer {
  return Buffer.concat([...parts.flatMap(buildEntry), Buffer.alloc(1024)]);
}

/** A config with the given layers, as bytes. */
export function buildConfig(layers: readonly Buffer[], more: object = {}): Buffer {
  const rootfs = { type: "layers", diff_ids: layers.map((layer) => digestOf(layer)) };
  return Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", rootfs, ...more }));
}

/** The 64 hex digits of the bytes' digest. */
export function hexOf(bytes: Buffer): string {
  return digestOf(bytes).slice("sha256:".length);
}

function buildEntry({ name, content = "", linkTo = "", type = linkTo === "" ? "0" : "2" }: ArchivePart): Buffer[] {
  const body = Buffer.from(content);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(`0000644\0${"0000000\0".repeat(2)}`, 100);
  header.write(`${body.length.toString(8).padStart(11, "0")}\0${"0".repeat(11)}\0`, 124);
  header.write(" ".repeat(8), 148);
  header.write(type, 156);
  header.write(linkTo, 157, 100);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return [header, body, Buffer.alloc((512 - (body.length % 512)) % 512)];
}
