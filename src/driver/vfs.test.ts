import { driverContract } from "../../test/contract/driver.ts";
import { vfs } from "./vfs.ts";

driverContract("vfs", vfs);
