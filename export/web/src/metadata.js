// What an ONNX file says of itself: its metadata properties, which ONNX Runtime does not show to a page.

// Numbers of the fields in ONNX's protocol buffers: ModelProto.metadata_props, whose entries have a key and a value.
const PROPERTIES = 14;
const KEY = 1;
const VALUE = 2;

/** Returns the metadata properties of an ONNX file, texts by name; none of bytes that are something else. */
export function metadataOf(bytes) {
  const properties = {};
  for (const [number, entry] of fields(bytes)) {
    if (number !== PROPERTIES) continue;
    const texts = Object.fromEntries(fields(entry));
    properties[decoded(texts[KEY])] = decoded(texts[VALUE]);
  }
  return properties;
}

/** Returns how a file wants images of other sizes resized; "crop" where no one tells, as in another program's file. */
export function resizingOf(properties) {
  try {
    return JSON.parse(properties.input).resize ?? "crop";
  } catch {
    return "crop";
  }
}

/** Returns whether a file takes pixel values, 0 to 255; a file of another program, which does not tell, is taken to. */
export function takesPixels(properties) {
  try {
    return JSON.parse(properties.input).values !== null;
  } catch {
    return true;
  }
}

const decoded = (bytes) => new TextDecoder().decode(bytes ?? new Uint8Array());

/** Yields number and bytes of those fields of a message that are bytes: texts and messages. The others are skipped. */
function* fields(bytes) {
  let position = 0;

  function integer() {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = bytes[position++] ?? 0;
      value += (byte % 128) * unit;
      if (byte < 128) return value;
    }
  }

  while (position < bytes.length) {
    const tag = integer();
    const form = tag % 8;
    if (form === 0) integer();
    else if (form === 1) position += 8;
    else if (form === 5) position += 4;
    else if (form === 2) {
      const length = integer();
      yield [Math.floor(tag / 8), bytes.subarray(position, position + length)];
      position += length;
    } else return;
  }
}
