import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { loadKoffi, type Memory } from "./native.ts";

/** A SHA-256 that is computed on Node.js's thread pool, where that is possible. */
export interface ThreadedHash extends Disposable {
  /** One at a time; the bytes must stay as they are until it is done. */
  update(bytes: Buffer): Promise<void>;
  /** The digest in hexadecimal, once. */
  hex(): string;
}

/** By the OpenSSL inside the program node; where its functions cannot be called, on this thread. */
export function threadedSha256(): ThreadedHash {
  const openssl = functions();
  return openssl === null ? onThisThread() : onThePool(openssl);
}

interface OpenSSL {
  newContext(): unknown;
  freeContext(context: unknown): void;
  sha256(): unknown;
  init(context: unknown, type: unknown, engine: null): number;
  updateAsync(context: unknown, bytes: Memory, length: number): Promise<number>;
  final(context: unknown, digest: Memory, length: null): number;
}

let bound: OpenSSL | null | undefined;

function functions(): OpenSSL | null {
  if (bound === undefined) bound = bind();
  return bound;
}

function bind(): OpenSSL | null {
  const koffi = loadKoffi();
  try {
    const library = koffi.load(null);
    return {
      newContext: library.func("void *EVP_MD_CTX_new()"),
      freeContext: library.func("void EVP_MD_CTX_free(void *)"),
      sha256: library.func("const void *EVP_sha256()"),
      init: library.func("int EVP_DigestInit_ex(void *, const void *, void *)"),
      updateAsync: promisify(library.func("int EVP_DigestUpdate(void *, const void *, size_t)").async),
      final: library.func("int EVP_DigestFinal_ex(void *, void *, void *)"),
    } as unknown as OpenSSL;
  } catch (error) {
    // koffi has no codes: it throws for a function that is not there, and for nothing else here.
    if (error instanceof Error) return null;
    throw error;
  }
}

function onThePool(openssl: OpenSSL): ThreadedHash {
  const context = openssl.newContext();
  let isOpen = true;
  let isRight = openssl.init(context, openssl.sha256(), null) === 1;
  return {
    update: async (bytes) => {
      isRight = (await openssl.updateAsync(context, bytes, bytes.length)) === 1 && isRight;
    },
    hex: () => {
      const digest = Buffer.alloc(32);
      isRight = openssl.final(context, digest, null) === 1 && isRight;
      return isRight ? digest.toString("hex") : "";
    },
    [Symbol.dispose]: () => {
      if (isOpen) openssl.freeContext(context);
      isOpen = false;
    },
  };
}

function onThisThread(): ThreadedHash {
  const hash = createHash("sha256");
  return {
    update: async (bytes) => void hash.update(bytes),
    hex: () => hash.digest("hex"),
    [Symbol.dispose]: () => {},
  };
}
