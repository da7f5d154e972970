import type { Command } from "commander";
import type { Context } from "../context.ts";
import { printer } from "../session.ts";
import { readSettings } from "../settings.ts";
import { verb } from "../verb.ts";
import { packageVersion } from "../version.ts";

export function versionCommand(context: Context): Command {
  return verb({
    name: "version",
    summary: "Show the versions of layerfs and of Node.js",
    examples: ["layerfs version", "layerfs version --format '{{.Version}}'"],
  }).action(async (_options: unknown, command: Command) => {
    const { platform, arch } = process;
    const versions = { version: packageVersion(), node: process.versions.node, platform: `${platform}/${arch}` };
    const print = printer(context, readSettings(command));
    await print(
      versions,
      () => `layerfs version ${versions.version}\nNode.js version ${versions.node}, ${versions.platform}\n`,
    );
  });
}
