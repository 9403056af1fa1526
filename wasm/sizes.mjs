// Weighs the portable modules of a folder, compressed with brotli at its highest
// setting, and fails when one is larger than allowed: node wasm/sizes.mjs bin/wasm
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const most = { verify: 750_000, decide: 1_000_000, full: 1_700_000 };
let failed = false;
for (const [flavour, limit] of Object.entries(most)) {
  const file = fs.readFileSync(path.join(process.argv[2], `issuant-${flavour}.wasm`));
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 };
  const size = zlib.brotliCompressSync(file, { params }).length;
  const verdict = size <= limit ? 'ok' : 'TOO LARGE';
  console.log(`${flavour}: ${file.length} bytes, ${size} compressed, at most ${limit}: ${verdict}`);
  failed ||= size > limit;
}
process.exit(failed ? 1 : 0);
