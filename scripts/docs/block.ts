/** A page with what a command printed at its place of that name. */
export function withBlock(page: string, name: string, output: string): string {
  const begin = `<!-- Made by \`npm run docs\`: ${name} -->\n`;
  const from = page.indexOf(begin);
  const to = page.indexOf("<!-- End. -->", from);
  if (from === -1 || to === -1) throw new Error(`the page has no place for the output "${name}"`);
  return `${page.slice(0, from + begin.length)}\`\`\`console\n${output}\`\`\`\n${page.slice(to)}`;
}
