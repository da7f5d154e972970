import { execFileSync } from "node:child_process";
import { withMounted } from "../../src/container/access.ts";
import type { ContainerStore } from "../../src/container/container.ts";
import { resolveContainer } from "../../src/container/resolve.ts";
import { openStores } from "../../src/engine/open-stores.ts";
import { check, tryMknodat } from "../../src/sys/at.ts";
import { S_IFSOCK } from "../../src/sys/flags.ts";
import type { TestImage } from "./image-builder.ts";
import { layerTar, type TestEntry } from "./tar-builder.ts";

const file = (name: string): TestEntry => ({ name, data: `old ${name}` });
const directory = (name: string): TestEntry => ({ name: `${name}/`, type: "directory" });

/** An image with something for each change of `CHANGES`, in two layers. */
export const BEFORE: TestImage = {
  tags: ["before:1"],
  config: { config: { Cmd: ["sh"] } },
  layers: [
    layerTar([
      ...["etc", "d", "d/sub", "gone", "gone/deep", "again", "again/in", "todir", "moved", "moved/in", "kept"].map(
        directory,
      ),
      ...[
        "over",
        "append",
        "cut",
        "mode",
        "owner",
        "time",
        "file-to-dir",
        "rename",
        "linked",
        "d/sub/deep",
        "etc/conf",
      ].map(file),
      ...["gone/deep/x", "gone/y", "again/in/x", "again/y", "moved/in/x", "kept/x", "attribute", "capable"].map(file),
      ...["dir-to-file", "dir-to-file/in", "dir-to-link"].map(directory),
      { name: "symlink", type: "symlink", link: "over" },
      { name: "pair-a", data: "pair" },
      { name: "pair-b", type: "hardlink", link: "pair-a" },
    ]),
    layerTar([{ name: "upper", data: "from the second layer" }, directory("kept"), file("kept/y")]),
  ],
};

/** What programs do to a container's tree. */
export const CHANGES = `
umask 022
mkdir new new/dir; echo 1 >new/file; echo 2 >new/dir/file
echo overwritten >over; echo more >>append; truncate -s 1 cut
chmod 4711 mode; chown 12:34 owner; touch -d @1500000000 time
chmod 2770 d; mv rename renamed; mv moved moved-away
ln linked new/link; ln -s nowhere new/symlink; ln -sf elsewhere symlink
rm file-to-dir; mkdir file-to-dir; echo in >file-to-dir/in
rm -r dir-to-file; echo file >dir-to-file; rmdir dir-to-link; ln -s d dir-to-link
rm -r gone; rm -r again; mkdir again; echo new >again/y; echo new >again/z
rm kept/x; rm d/sub/deep; echo back >d/sub/deep
setfattr -n user.note -v x attribute; setcap cap_net_raw+ep capable
mknod new/char c 5 7; mknod new/block b 7 300; mkfifo -m 640 new/fifo
truncate -s 1M new/hole; echo end >>new/hole
touch pair-a upper
touch new/$'line\\nbreak' new/$'\\xff' 'new/sp ace' new/-dash "new/$(printf 'n%.0s' {1..200})"
`;

/** Does them in a container; `script` may be part of them. */
export async function change(root: string, driver: string, container: string, script: string = CHANGES): Promise<void> {
  const stores: ContainerStore = await openStores({ root, driver, storageOptions: new Map() }, "write");
  await withMounted(stores, resolveContainer(stores, container), "write", (tree) => {
    execFileSync("bash", ["-euc", script], { cwd: tree.path, stdio: "pipe" });
    if (script === CHANGES) check(tryMknodat(tree.fd, Buffer.from("socket"), S_IFSOCK | 0o755, 0, 0), "make", "socket");
  });
}
