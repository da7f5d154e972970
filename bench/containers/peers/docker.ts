import { createReadStream } from "node:fs";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { startLoaded } from "../../program.ts";
import { docker } from "../../programs/docker.ts";
import type { ContainerPeer } from "../peer.ts";

/** By the socket of its API, over which no process is started. It cannot mount. */
export const dockerAPI: ContainerPeer = {
  name: "docker, API",
  isOurs: false,
  needs: docker.needs,
  version: docker.version,
  start: async (store, image, images) => {
    const running = await startLoaded(docker, store, image, images);
    const socket = new URL(running.words.at(-1) ?? "").pathname;
    const call = (method: string, path: string, body?: Body): Promise<unknown> => ask(socket, method, path, body);
    const json = (value: unknown): Body => ({ type: "application/json", content: JSON.stringify(value) });
    return {
      isResident: true,
      create: async () => {
        const created = await call("POST", "/containers/create", json({ Image: `lab/${image}:1`, Cmd: ["sh"] }));
        return (created as { readonly Id: string }).Id;
      },
      remove: async (container) => void (await call("DELETE", `/containers/${container}`)),
      change: async (container, tar) =>
        void (await call("PUT", `/containers/${container}/archive?path=/`, { type: "application/x-tar", file: tar })),
      diff: async (container) => ((await call("GET", `/containers/${container}/changes`)) as unknown[]).length,
      commit: async (container, reference) => {
        const query = new URLSearchParams({ container, repo: reference, pause: "false" });
        await call("POST", `/commit?${query}`, json({}));
      },
      removeImage: async (reference) => void (await call("DELETE", `/images/${reference}`)),
      stop: running.stop,
    };
  },
};

type Body = { readonly type: string } & ({ readonly content: string } | { readonly file: string });

/** What the daemon answers, as JSON; null for an empty answer. */
async function ask(socketPath: string, method: string, path: string, body?: Body): Promise<unknown> {
  const headers = body === undefined ? {} : { "content-type": body.type };
  const sent = request({ socketPath, method, path, headers });
  const answered = new Promise<string>((resolve, reject) => {
    sent.on("error", reject);
    sent.on("response", (response) => {
      const isDone = response.statusCode !== undefined && response.statusCode < 300;
      text(response).then(
        (answer) => (isDone ? resolve(answer) : reject(new Error(`${method} ${path}: ${answer.trim()}`))),
        reject,
      );
    });
  });
  if (body !== undefined && "file" in body) await pipeline(createReadStream(body.file), sent);
  else sent.end(body?.content);
  const answer = await answered;
  return answer === "" ? null : JSON.parse(answer);
}
