// Runs the WASM module in Node: node run.mjs MODULE CALLS
//
// CALLS is a JSON list of {"export", "handles", "input_b64"}. Printed is the Base64 of each
// reply, code included, one a line; an instance answers all of them.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [file, calls] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [], env: {}, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(file), {
  wasi_snapshot_preview1: wasi.wasiImport,
});
wasi.initialize(instance);
const guest = instance.exports;

const lines = [];
for (const call of JSON.parse(readFileSync(calls, "utf8"))) {
  const input = Buffer.from(call.input_b64, "base64");
  const tray = guest.issuant_in(input.length) >>> 0;
  if (tray === 0) throw new Error("there is no tray for " + input.length + " bytes");
  // Memory may have grown, and then every view of it is void.
  new Uint8Array(guest.memory.buffer, tray, input.length).set(input);
  const result = BigInt.asUintN(64, guest[call.export](...call.handles, input.length));
  const reply = Buffer.from(guest.memory.buffer, Number(result >> 32n), Number(result & 0xffffffffn));
  lines.push(reply.toString("base64"));
}
process.stdout.write(lines.join("\n") + "\n");
