import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildConfig, sha256, type TestImage } from "./image-builder.ts";
import { scratchDirectory } from "./scratch.ts";
import { END_OF_ARCHIVE, encodeEntry } from "./tar-builder.ts";

export interface TestDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [field: string]: unknown;
}

export interface OciImageOptions {
  /** Default: by the first bytes of what is stored. */
  readonly layerType?: string;
  readonly configType?: string;
  /** Fields of the manifest beside its own. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Fields of the image's descriptor, such as `platform` and `annotations`. */
  readonly descriptor?: Readonly<Record<string, unknown>>;
}

export const OCI = "application/vnd.oci.image.";
const REF_NAME = "org.opencontainers.image.ref.name";

/** An OCI layout in the making: its files by path. Shares no code with layerfs's own reader. */
export class OciLayout {
  readonly files: Map<string, Buffer> = new Map([["oci-layout", Buffer.from('{"imageLayoutVersion":"1.0.0"}')]]);

  blob(mediaType: string, bytes: Buffer | string, more: Readonly<Record<string, unknown>> = {}): TestDescriptor {
    const digest = sha256(bytes);
    this.files.set(`blobs/sha256/${digest}`, Buffer.from(bytes));
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(bytes), ...more };
  }

  image(image: TestImage, options: OciImageOptions = {}): TestDescriptor {
    const config = this.blob(options.configType ?? `${OCI}config.v1+json`, buildConfig(image).config);
    const layers = image.layers.map((layer, index) => {
      const stored = image.stored?.(layer, index) ?? layer;
      return this.blob(options.layerType ?? layerType(stored), stored);
    });
    const manifest = { schemaVersion: 2, config, layers, ...options.manifest };
    return this.blob(`${OCI}manifest.v1+json`, JSON.stringify(manifest), options.descriptor);
  }

  index(manifests: readonly TestDescriptor[], more: Readonly<Record<string, unknown>> = {}): TestDescriptor {
    return this.blob(`${OCI}index.v1+json`, JSON.stringify({ schemaVersion: 2, manifests }), more);
  }

  /** Sets index.json. */
  entries(...manifests: readonly TestDescriptor[]): this {
    this.files.set("index.json", Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })));
    return this;
  }

  /** Writes the layout to a directory that is removed with the running test. */
  write(): string {
    const directory = scratchDirectory();
    for (const [path, bytes] of this.files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), bytes);
    }
    return directory;
  }

  tar(): Buffer {
    const entries = [...this.files].map(([name, data]) => encodeEntry({ name, data }));
    return Buffer.concat([...entries, END_OF_ARCHIVE]);
  }
}

/** What a descriptor has whose image is called so. */
export function named(name: string): { readonly annotations: Readonly<Record<string, string>> } {
  return { annotations: { [REF_NAME]: name } };
}

export function blobPath({ digest }: TestDescriptor): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function layerType(stored: Buffer): string {
  const suffix = stored[0] === 0x1f ? "+gzip" : stored[0] === 0x28 ? "+zstd" : "";
  return `${OCI}layer.v1.tar${suffix}`;
}
