import { openPath } from "../sys/at.ts";
import { close } from "../sys/file.ts";
import { O_PATH } from "../sys/flags.ts";
import { statfs } from "../sys/stat.ts";

/** Magic numbers of statfs(2), by the names that `docker info` gives these file systems. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0x61756673, "aufs"],
  [0x9123683e, "btrfs"],
  [0x28cd3d45, "cramfs"],
  [0xf15f, "ecryptfs"],
  [0xef53, "extfs"],
  [0xf2f52010, "f2fs"],
  [0x65735546, "fuse"],
  [0x47504653, "gpfs"],
  [0x3153464a, "jfs"],
  [0x6969, "nfs"],
  [0x794c7630, "overlayfs"],
  [0x858458f6, "ramfs"],
  [0x52654973, "reiserfs"],
  [0xff534d42, "smb"],
  [0x73717368, "squashfs"],
  [0x01021994, "tmpfs"],
  [0xbacbacbc, "vmhgfs"],
  [0xa501fcf5, "vxfs"],
  [0x58465342, "xfs"],
  [0x2fc12fc1, "zfs"],
]);

/** Docker's name of the file system that `path` lies on, "<unknown>" for one that it has no name for. */
export function fileSystemName(path: string): string {
  const fd = openPath(path, O_PATH);
  try {
    return NAMES.get(statfs(fd).type) ?? "<unknown>";
  } finally {
    close(fd);
  }
}
