// Runs the WASM module in Node: node run.mjs MODULE CALLS
//
// CALLS is a JSON list of {"export", "handles", "input_b64"}; input_b64 is null where
// there is none, and handles that an export does not take are passed over. Printed is the
// Base64 of each reply, code included, one a line; one instance answers all of them.
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
  const takesInput = !["issuant_info", "issuant_selftest", "issuant_drop"].includes(call.export);
  const args = call.handles.slice(0, guest[call.export].length - (takesInput ? 1 : 0));
  const input = Buffer.from(call.input_b64 ?? "", "base64");
  if (call.input_b64 !== null) {
    const tray = guest.issuant_in(input.length) >>> 0;
    if (tray === 0) throw new Error("there is no tray for " + input.length + " bytes");
    // Memory may have grown, and then every view of it is void.
    new Uint8Array(guest.memory.buffer, tray, input.length).set(input);
  }
  if (takesInput) args.push(input.length);
  const result = BigInt.asUintN(64, guest[call.export](...args));
  const reply = Buffer.from(guest.memory.buffer, Number(result >> 32n), Number(result & 0xffffffffn));
  lines.push(reply.toString("base64"));
}
process.stdout.write(lines.join("\n") + "\n");
