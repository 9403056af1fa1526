// What node:wasi gives to the module named by the first argument: random bytes, the wall
// clock, arguments and files, printed in one line.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1" });
const module = await WebAssembly.compile(await readFile(process.argv[2]));
const { exports } = await WebAssembly.instantiate(module, wasi.getImportObject());
wasi.initialize({ exports });

function ask(event) {
  const input = new TextEncoder().encode(`{"event":"${event}"}`);
  const at = exports.issuant_in(input.length) >>> 0;
  new Uint8Array(exports.memory.buffer, at, input.length).set(input);
  const result = BigInt.asUintN(64, exports.issuant_decide(0, input.length));
  const reply = new Uint8Array(exports.memory.buffer, Number(result >> 32n), Number(result & 0xffffffffn));
  return new TextDecoder().decode(reply.subarray(4));
}

console.log(ask("random"), ask("clock"), JSON.stringify(ask("surround")));
