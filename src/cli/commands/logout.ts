import type { Command } from "commander";
import type { LogoutResult } from "../../engine/login.ts";
import type { Context } from "../context.ts";
import { withSession } from "../session.ts";
import { verb } from "../verb.ts";

export function logoutCommand(context: Context): Command {
  return verb({
    name: "logout",
    summary: "Log out from a registry",
    details: "What `login` or Docker kept for it is erased, from ~/.docker/config.json and from the credential helper.",
    examples: ["layerfs logout registry.example"],
  })
    .argument("[server]", "registry, HOST[:PORT] (default: Docker Hub)")
    .action(async (server: string | undefined, _options: unknown, command: Command) => {
      await withSession(context, command, async (session) => {
        const result = await session.engine.logout(server);
        await session.print(result, () => render(result));
      });
    });
}

/** Docker's words. */
function render({ registry, removed }: LogoutResult): string {
  const name = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
  return removed ? `Removing login credentials for ${name}\n` : `Not logged in to ${name}\n`;
}
