/** Rows below their headings in columns, three blanks between them, as Docker draws a table. */
export function renderTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [...renderTableLines(headings, rows)].join("");
}

/** The same line by line. Rows are asked for twice, so that they need not all be in memory. */
export function* renderTableLines(headings: readonly string[], rows: Iterable<readonly string[]>): Generator<string> {
  const widths = headings.map((heading) => heading.length);
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const line = (cells: readonly string[]): string =>
    `${cells
      .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
      .join("")
      .trimEnd()}\n`;
  yield line(headings);
  for (const row of rows) yield line(row);
}
