/**
 * Writes to a container's tree, says so, and goes on using it until it is killed:
 *
 *     node hold-container.ts ROOT DRIVER CONTAINER
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { withMounted } from "../../src/container/access.ts";
import { resolveContainer } from "../../src/container/resolve.ts";
import { openStores } from "../../src/engine/open-stores.ts";

const [root = "", driver = "", name = ""] = process.argv.slice(2);
const stores = await openStores({ root, driver, storageOptions: new Map() }, "write");
await withMounted(stores, resolveContainer(stores, name), "write", async ({ path }) => {
  writeFileSync(join(path, "held"), "by another process");
  process.stdout.write("held\n");
  setInterval(() => {}, 1000);
  await new Promise(() => {});
});
