// A packed piece of a trace (see packing.py) as a head and typed columns.

export const VERSION = 2;
const TYPES = { "<f8": Float64Array, "<i4": Int32Array, "<u1": Uint8Array };

export async function unpack(bytes) {
  const view = await decompressed(bytes);
  const length = new DataView(view.buffer, view.byteOffset).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(view.subarray(4, 4 + length)));
  if (head.version !== VERSION) {
    throw new Error(`this is a recording of version ${head.version}; this player reads version ${VERSION}. `
      + "Make it again with the simlib that is installed now, or open it with the one that made it.");
  }
  return { ...head, columns: columnsOf(head, view, 4 + length) };
}

async function decompressed(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function columnsOf(head, view, start) {
  const columns = {};
  for (const [name, type] of Object.entries(head.columns)) {
    const size = head.rows * TYPES[type].BYTES_PER_ELEMENT;
    columns[name] = new TYPES[type](view.slice(start, start + size).buffer);
    start += size;
  }
  return columns;
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
}
