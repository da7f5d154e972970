/** `npm run docs`: writes the parts of the documentation that are made from the code. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withEdgeTable } from "./docs/edge-table.ts";

const path = join(import.meta.dirname, "../docs/layers.md");
writeFileSync(path, withEdgeTable(readFileSync(path, "utf8")));
