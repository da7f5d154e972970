/** Rows of cells, the first of them the head. */
export type Table = readonly (readonly string[])[];

export function markdownTable([head = [], ...rows]: Table): string[] {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
}

/** Columns aligned by spaces. */
export function textTable(rows: Table): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
