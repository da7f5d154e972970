import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { randomBytesOf } from "../../../test/support/random.ts";
import { startFaultProxy } from "../../../test/support/registry/fault-proxy.ts";
import type { FaultRule } from "../../../test/support/registry/faults.ts";
import { statusFault } from "../../../test/support/registry/faults.ts";
import { registry, startRegistry } from "../../../test/support/registry/registry.ts";
import { QUIET_SETTINGS } from "../../../test/support/registry/settings.ts";
import { requires } from "../../../test/support/requires.ts";
import { digestOf } from "../../core/digest.ts";
import { registryClient } from "./registry-client.ts";
import type { Repository } from "./repository.ts";
import type { RegistrySettings } from "./settings.ts";

const bytes = randomBytesOf("an upload", 100_000);
const blob = { digest: digestOf(bytes), size: bytes.length };

async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += 9_999) yield bytes.subarray(start, start + 9_999);
}

/** What a registry of the test's own was asked. */
interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

type Handler = (asked: Asked, response: ServerResponse) => void;

/** Answers as `handle` says, on loopback. */
async function withServer<T>(
  handle: Handler,
  settings: RegistrySettings,
  use: (repository: Repository, asked: readonly Asked[]) => Promise<T>,
): Promise<T> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request).catch(() => null);
    if (body === null) return; // the client broke off
    const one = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
    asked.push(one);
    handle(one, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await using client = registryClient({ ...QUIET_SETTINGS, ...settings });
  try {
    const domain = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return await use(client.repository({ domain, path: "lab/a" }), asked);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
}

/** An upload session in memory, whose chunks may be told to break. */
function uploads(options: { readonly leastChunk?: number; readonly breakAt?: number } = {}): Handler {
  let received = Buffer.alloc(0);
  let breaks = 0;
  return ({ method, body, headers }, response) => {
    const range = received.length === 0 ? "0-0" : `0-${received.length - 1}`;
    const next = { Location: `/upload?state=${received.length}`, Range: range };
    if (method === "POST") {
      received = Buffer.alloc(0);
      const least = options.leastChunk === undefined ? {} : { "OCI-Chunk-Min-Length": String(options.leastChunk) };
      response.writeHead(202, { Location: "/upload?state=0", ...least }).end();
    } else if (method === "PATCH") {
      if (Number(headers["content-range"]?.split("-")[0]) !== received.length)
        return void response.writeHead(416).end();
      if (options.breakAt !== undefined && breaks === 0 && received.length + body.length > options.breakAt) {
        breaks += 1;
        received = Buffer.concat([received, body.subarray(0, options.breakAt - received.length)]);
        return void response.destroy();
      }
      received = Buffer.concat([received, body]);
      const headersOut = { Location: `/upload?state=${received.length}`, Range: `0-${received.length - 1}` };
      response.writeHead(202, headersOut).end();
    } else if (method === "GET") {
      response.writeHead(204, next).end();
    } else {
      received = Buffer.concat([received, body]);
      response.writeHead(201, { "Docker-Content-Digest": digestOf(received) }).end();
    }
  };
}

const methods = (asked: readonly Asked[]): string => asked.map(({ method }) => method).join(" ");

describe("a blob that is sent", () => {
  it("goes in one piece, to where the registry says, with its own query kept", async () => {
    await withServer(uploads(), {}, async (repository, asked) => {
      await repository.uploadBlob(blob, pieces, {});
      const put = asked.at(-1)!;
      expect(put.url).toBe(`/upload?state=0&digest=${encodeURIComponent(blob.digest)}`);
      expect(put.headers).toMatchObject({ "content-length": "100000", "content-type": "application/octet-stream" });
      expect(put.body).toEqual(bytes);
    });
  });

  it("goes to a query that is sent back as it was", async () => {
    const query = "?sig=a%20b~c%7e%2B+*'&_state=x%3D";
    const handle: Handler = ({ method }, response) =>
      void response.writeHead(method === "POST" ? 202 : 201, { Location: `/upload${query}` }).end();
    await withServer(handle, {}, async (repository, asked) => {
      await repository.uploadBlob(blob, pieces, {});
      const sent = asked.at(-1)?.url.replace("%27", "'");
      expect(sent).toBe(`/upload${query}&digest=${encodeURIComponent(blob.digest)}`);
    });
  });

  it.each([401, 403, 404])("is not to be had from another repository that answers %d", async (status) => {
    const handle: Handler = (_, response) =>
      void response.writeHead(status, { "WWW-Authenticate": "Basic realm=x" }).end();
    await withServer(handle, {}, async (repository) => {
      expect(await repository.mountBlob(blob.digest, "lab/b", {})).toBe(false);
    });
  });

  it("is given up at once when it is cancelled, also where the registry does not answer", async () => {
    const controller = new AbortController();
    const handle: Handler = ({ method }, response) => {
      if (method === "POST") response.writeHead(202, { Location: "/upload" }).end();
      else if (method === "PUT") controller.abort();
    };
    await withServer(handle, { stallTimeout: 300_000 }, async (repository, asked) => {
      const sending = repository.uploadBlob(blob, pieces, { signal: controller.signal });
      await expect(sending).rejects.toMatchObject({ code: "CANCELLED" });
      expect(methods(asked)).toBe("POST PUT DELETE");
    });
  });

  it("is given up where the registry takes a chunk and loses it, over and over", async () => {
    const handle: Handler = ({ method, headers }, response) => {
      const isFirst = headers["content-range"]?.startsWith("0-") ?? false;
      if (method === "POST") response.writeHead(202, { Location: "/upload" }).end();
      else if (method === "GET") response.writeHead(204, { Location: "/upload", Range: "0-0" }).end();
      else if (isFirst) response.writeHead(202, { Location: "/upload", Range: "0-39999" }).end();
      else response.writeHead(500).end();
    };
    await withServer(handle, { uploadChunkSize: 40_000 }, async (repository, asked) => {
      const signal = AbortSignal.timeout(3000);
      await expect(repository.uploadBlob(blob, pieces, { signal })).rejects.toMatchObject({ code: "REGISTRY" });
      expect(asked.length).toBeLessThan(100);
    });
  });

  it("goes in chunks where that is set", async () => {
    await withServer(uploads(), { uploadChunkSize: 40_000 }, async (repository, asked) => {
      await repository.uploadBlob(blob, pieces, {});
      expect(asked.map(({ method, headers }) => [method, headers["content-range"]])).toEqual([
        ["POST", undefined],
        ["PATCH", "0-39999"],
        ["PATCH", "40000-79999"],
        ["PATCH", "80000-99999"],
        ["PUT", undefined],
      ]);
    });
  });

  it("goes in chunks of the least size that the registry wants, where they are set smaller", async () => {
    await withServer(uploads({ leastChunk: 60_000 }), { uploadChunkSize: 1000 }, async (repository, asked) => {
      await repository.uploadBlob(blob, pieces, {});
      expect(methods(asked)).toBe("POST PATCH PATCH PUT");
    });
  });

  it("goes on after a break with what the registry has of it", async () => {
    await withServer(uploads({ breakAt: 50_000 }), { uploadChunkSize: 40_000 }, async (repository, asked) => {
      await repository.uploadBlob(blob, pieces, {});
      expect(methods(asked)).toBe("POST PATCH PATCH GET PATCH PATCH PUT");
      expect(asked.filter(({ method }) => method === "PATCH").map(({ headers }) => headers["content-range"])).toEqual([
        "0-39999",
        "40000-79999",
        "50000-89999",
        "90000-99999",
      ]);
    });
  });

  it("begins anew where the registry has forgotten the upload, and gives up some time", async () => {
    let forgets = 1;
    const session = uploads();
    const forgetful: Handler = (asked, response) => {
      if (asked.method === "PATCH" && forgets > 0) return void response.writeHead(503).end();
      if (asked.method === "GET") {
        forgets -= 1;
        return void response.writeHead(404).end();
      }
      session(asked, response);
    };
    await withServer(forgetful, { uploadChunkSize: 60_000 }, async (repository, asked) => {
      await repository.uploadBlob(blob, pieces, {});
      expect(methods(asked)).toBe("POST PATCH GET POST PATCH PATCH PUT");
      forgets = Number.POSITIVE_INFINITY;
      await expect(repository.uploadBlob(blob, pieces, {})).rejects.toMatchObject({
        code: "NOT_FOUND",
        message: expect.stringContaining("gave up after 3 attempts"),
      });
    });
  });

  it("asks what the registry has where that is out of step", async () => {
    let isOut = true;
    const session = uploads();
    const stepping: Handler = (asked, response) => {
      if (asked.method !== "PATCH" || !isOut) return session(asked, response);
      isOut = false;
      response.writeHead(416).end();
    };
    await withServer(stepping, { uploadChunkSize: 60_000 }, async (repository, asked) => {
      await repository.uploadBlob(blob, pieces, {});
      expect(methods(asked)).toBe("POST PATCH GET PATCH PATCH PUT");
      expect(asked.at(-1)?.url).toContain(encodeURIComponent(blob.digest));
    });
  });

  it.each([
    ["fewer", { ...blob, size: blob.size + 1 }, "it was to have 100001 bytes, and has 100000"],
    ["more", { ...blob, size: blob.size - 1 }, "it was to have 99999 bytes, and has 100000 or more"],
  ])("fails where it has %s bytes than it is to have", async (_, wrong, problem) => {
    await withServer(uploads(), {}, async (repository) => {
      await expect(repository.uploadBlob(wrong, pieces, {})).rejects.toMatchObject({
        code: "DIGEST_MISMATCH",
        message: expect.stringContaining(problem),
      });
    });
  });

  it("fails where the registry took it for another one", async () => {
    const handle: Handler = ({ method }, response) =>
      void response
        .writeHead(method === "POST" ? 202 : 201, { Location: "/u", "Docker-Content-Digest": digestOf("x") })
        .end();
    await withServer(handle, {}, async (repository) => {
      await expect(repository.uploadBlob(blob, pieces, {})).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    });
  });

  it("fails where the registry does not say where to send it", async () => {
    await withServer(
      (_, response) => void response.writeHead(202).end(),
      {},
      async (repository) => {
        await expect(repository.uploadBlob(blob, pieces, {})).rejects.toThrow("expected a Location for the upload");
      },
    );
  });
});

describe("a blob that is sent to docker-registry", () => {
  requires(registry());

  const send = async (rules: FaultRule[], settings: RegistrySettings = {}): Promise<string> => {
    await using server = await startRegistry({ delete: true });
    await using proxy = await startFaultProxy(server);
    proxy.rules = rules;
    await using client = registryClient({ ...QUIET_SETTINGS, ...settings });
    const repository = client.repository({ domain: proxy.host, path: "lab/a" });
    await repository.uploadBlob(blob, pieces, {});
    expect(await repository.hasBlob(blob.digest, {})).toBe(true);
    return proxy.requests.map(({ method }) => method).join(" ");
  };

  it.each([
    ["its beginning", { method: "POST", nth: 1, fault: statusFault(503, "UNAVAILABLE") }],
    ["its end", { method: "PUT", nth: 1, fault: statusFault(502, "BAD") }],
    ["a connection that is closed", { method: "PUT", nth: 1, fault: { drop: true } }],
  ] as [string, FaultRule][])("is sent again after a failure of %s", async (_, rule) => {
    await send([rule]);
  });

  it.each([
    ["a chunk that was refused", { method: "PATCH", nth: 2, fault: statusFault(503, "UNAVAILABLE") }],
    ["a chunk whose connection was closed", { method: "PATCH", nth: 2, fault: { drop: true } }],
  ] as [string, FaultRule][])("goes on after %s", async (_, rule) => {
    expect(await send([rule], { uploadChunkSize: 30_000 })).toBe("POST PATCH PATCH GET PATCH PATCH PATCH PUT HEAD");
  });

  it("is refused by the registry where the bytes are others, which is told as that", async () => {
    await using server = await startRegistry({ delete: true });
    await using client = registryClient(QUIET_SETTINGS);
    const repository = client.repository({ domain: server.host, path: "lab/a" });
    const other = { digest: digestOf("other"), size: blob.size };
    await expect(repository.uploadBlob(other, pieces, {})).rejects.toMatchObject({
      code: "DIGEST_MISMATCH",
      message: expect.stringContaining("DIGEST_INVALID"),
    });
  });
});
