import { EDGE_CASES } from "../../test/corpus/edge-layers.ts";

const BEGIN = "<!-- Made by `npm run docs` from test/corpus/edge-layers.ts. -->\n";
const END = "<!-- End. -->";

/** The page with its table of odd layers as the corpus has them now. */
export function withEdgeTable(page: string): string {
  const begin = page.indexOf(BEGIN) + BEGIN.length;
  return page.slice(0, begin) + renderTable() + page.slice(page.indexOf(END, begin));
}

function renderTable(): string {
  const rows = EDGE_CASES.map(({ oddity, result, peers }) => [oddity, result, ...peers]);
  const head = ["in the layer", "layerfs", "docker", "podman", "umoci", "containerd"];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}
