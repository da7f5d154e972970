const NEEDED = { major: 22, minor: 18 };

/** What to tell the user of a Node.js that is too old, such as `18.20.4`; null for one that will do. */
export function tooOldMessage(version: string): string | null {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > NEEDED.major || (major === NEEDED.major && minor >= NEEDED.minor)) return null;
  return (
    `layerfs: Node.js is ${version}, expected ${NEEDED.major}.${NEEDED.minor} or later\n` +
    "hint: set LAYERFS_NODE to a newer one\n"
  );
}
