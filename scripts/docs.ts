/** `npm run docs`: writes the parts of the documentation that are made from the code and from what the command prints. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeContainersDocs } from "./docs/containers-page.ts";
import { withEdgeTable } from "./docs/edge-table.ts";
import { makeExplainDocs } from "./docs/explain-page.ts";
import { makeLookInsideDocs } from "./docs/look-inside-page.ts";
import { makeCommitDocs, makeCpDocs } from "./docs/session-page.ts";

const docs = join(import.meta.dirname, "../docs");
const read = (name: string): string => readFileSync(join(docs, name), "utf8");
const write = (name: string, text: string): void => writeFileSync(join(docs, name), text);

write("look-inside.md", makeLookInsideDocs(read("look-inside.md")));
write("commit.md", makeCommitDocs(read("commit.md")));
write("cp.md", makeCpDocs(read("cp.md")));
write("layers.md", withEdgeTable(read("layers.md")));
write("containers.md", makeContainersDocs(read("containers.md")));
const { page, picture } = makeExplainDocs(read("explain.md"));
write("explain.md", page);
write("explain.svg", picture);
