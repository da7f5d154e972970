/**
 * Two static programs for Linux on x86-64, a few hundred bytes each, which run in a root filesystem that has nothing
 * else: machine code below a hand-made ELF header, so that the sample image needs no compiler and no foreign binary.
 */

/** Prints one line. */
export function helloProgram(): Buffer {
  const text = Buffer.from("Hello from the lowest layer.\n");
  return elf(
    "48 8d 35 1a 00 00 00", // lea  rsi, [text]
    `ba ${hex32(text.length)}`, // mov  edx, length of the text
    "bf 01 00 00 00", //       mov  edi, 1          standard output
    "b8 01 00 00 00", //       mov  eax, 1          write
    "0f 05", //                syscall
    "31 ff", //                xor  edi, edi
    "b8 3c 00 00 00", //       mov  eax, 60         exit
    "0f 05", //                syscall
    text.toString("hex"),
  );
}

/** Prints the file that its argument names, /etc/motd without one; exit status 1 if that cannot be read. */
export function showProgram(): Buffer {
  return elf(
    "48 8d 3d 59 00 00 00", // lea  rdi, [path]
    "48 83 3c 24 02", //       cmp  qword [rsp], 2  number of words on the command line
    "72 05", //                jb   open
    "48 8b 7c 24 10", //       mov  rdi, [rsp+16]   the first argument
    "31 f6", //          open: xor  esi, esi        O_RDONLY
    "b8 02 00 00 00", //       mov  eax, 2          open
    "0f 05", //                syscall
    "89 c3", //                mov  ebx, eax
    "85 c0", //                test eax, eax
    "78 2e", //                js   fail
    "48 81 ec 00 10 00 00", // sub  rsp, 4096
    "89 df", //          next: mov  edi, ebx
    "48 89 e6", //             mov  rsi, rsp
    "ba 00 10 00 00", //       mov  edx, 4096
    "31 c0", //                xor  eax, eax        read
    "0f 05", //                syscall
    "85 c0", //                test eax, eax
    "78 15", //                js   fail
    "74 1a", //                je   done
    "89 c2", //                mov  edx, eax
    "bf 01 00 00 00", //       mov  edi, 1          standard output
    "48 89 e6", //             mov  rsi, rsp
    "b8 01 00 00 00", //       mov  eax, 1          write
    "0f 05", //                syscall
    "eb d9", //                jmp  next
    "bf 01 00 00 00", // fail: mov  edi, 1
    "eb 02", //                jmp  exit
    "31 ff", //          done: xor  edi, edi
    "b8 3c 00 00 00", // exit: mov  eax, 60         exit
    "0f 05", //                syscall
    Buffer.from("/etc/motd\0").toString("hex"),
  );
}

/** One loadable, executable segment with the headers and the code (ELF-64 object file format, Linux x86-64). */
export function elf(...code: readonly string[]): Buffer {
  const machineCode = Buffer.from(code.join("").replaceAll(" ", ""), "hex");
  const headerSize = 64;
  const programHeaderSize = 56;
  const address = 0x400000n;
  const entry = headerSize + programHeaderSize;
  const file = Buffer.alloc(entry + machineCode.length);
  file.write("\x7fELF\x02\x01\x01", "latin1"); // 64 bits, little endian, version 1
  file.writeUInt16LE(2, 16); // an executable
  file.writeUInt16LE(62, 18); // for x86-64
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(address + BigInt(entry), 24);
  file.writeBigUInt64LE(BigInt(headerSize), 32); // where the program headers are
  file.writeUInt16LE(headerSize, 52);
  file.writeUInt16LE(programHeaderSize, 54);
  file.writeUInt16LE(1, 56); // one program header
  file.writeUInt32LE(1, headerSize); // to be loaded
  file.writeUInt32LE(5, headerSize + 4); // readable and executable
  file.writeBigUInt64LE(address, headerSize + 16);
  file.writeBigUInt64LE(address, headerSize + 24);
  file.writeBigUInt64LE(BigInt(file.length), headerSize + 32);
  file.writeBigUInt64LE(BigInt(file.length), headerSize + 40);
  file.writeBigUInt64LE(4096n, headerSize + 48);
  machineCode.copy(file, entry);
  return file;
}

function hex32(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString("hex");
}
