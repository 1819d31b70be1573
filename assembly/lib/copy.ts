// Copying short runs: memory.copy is a call into the engine, which costs more than the copy until a run is a few
// hundred bytes long.

const LONG: usize = 256;

/** Copies `bytes` bytes that do not overlap. */
// @ts-ignore: decorator
@inline
export function move(x: usize, y: usize, bytes: usize): void {
  if (bytes >= LONG) memory.copy(y, x, bytes);
  else moveShort(x, y, bytes);
}

function moveShort(x: usize, y: usize, bytes: usize): void {
  const end = x + (bytes & ~15);
  for (; x < end; x += 16) {
    v128.store(y, v128.load(x));
    y += 16;
  }
  if (bytes & 8) {
    store<u64>(y, load<u64>(x));
    x += 8;
    y += 8;
  }
  if (bytes & 4) {
    store<u32>(y, load<u32>(x));
    x += 4;
    y += 4;
  }
  if (bytes & 2) {
    store<u16>(y, load<u16>(x));
    x += 2;
    y += 2;
  }
  if (bytes & 1) store<u8>(y, load<u8>(x));
}
