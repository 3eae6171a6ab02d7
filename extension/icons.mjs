// Draw src/icons/*.png: the product's mark, and one mark per state told by its shape first.
//
//   node icons.mjs
//
// The files are committed; run this after changing a shape or a colour.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";

const folder = join(dirname(fileURLToPath(import.meta.url)), "src", "icons");

// Mid tones, at 3:1 or better on a white and on a dark grey toolbar.
const RED = [0xd1, 0x34, 0x3f];
const BLUE = [0x2f, 0x7d, 0xc4];
const GREY = [0x7a, 0x80, 0x88];
const AMBER = [0xb3, 0x74, 0x0a];

// A shape tells whether it covers a point of the square [-1, 1] x [-1, 1], y downwards.
const disc = (r) => (x, y) => Math.hypot(x, y) <= r;
const ring = (inner, outer) => (x, y) => disc(outer)(x, y) && !disc(inner)(x, y);
const box = (left, top, right, bottom) => (x, y) =>
  x >= left && x <= right && y >= top && y <= bottom;
const either =
  (...shapes) =>
  (x, y) =>
    shapes.some((shape) => shape(x, y));
const dotted = (count, radius, size) =>
  either(
    ...Array.from({ length: count }, (_, index) => {
      const angle = (2 * Math.PI * index) / count;
      return (x, y) => disc(size)(x - radius * Math.cos(angle), y - radius * Math.sin(angle));
    }),
  );
const triangle = (x, y) => y <= 0.8 && y >= 2 * Math.abs(x) * 0.9 - 0.85;
const mark = box(-0.09, -0.3, 0.09, 0.3);
const problem = (x, y) => triangle(x, y) && !mark(x, y - 0.05) && !disc(0.12)(x, y - 0.57);

const STATES = {
  recording: [disc(0.72), RED],
  paused: [either(box(-0.6, -0.75, -0.15, 0.75), box(0.15, -0.75, 0.6, 0.75)), AMBER],
  off: [ring(0.55, 0.85), GREY],
  waiting: [dotted(8, 0.7, 0.22), BLUE],
  elsewhere: [box(-0.8, -0.18, 0.8, 0.18), GREY],
  problem: [problem, AMBER],
};
const PRODUCT = [either(ring(0.7, 0.94), disc(0.36)), BLUE];

/** Sample each pixel 64 times; its opacity is the part of it that the shape covers. */
function pixels(size, [shape, [red, green, blue]]) {
  const rows = Buffer.alloc(size * (1 + 4 * size));
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let covered = 0;
      for (let sample = 0; sample < 64; sample++) {
        const x = column + ((sample % 8) + 0.5) / 8;
        const y = row + (Math.floor(sample / 8) + 0.5) / 8;
        if (shape((2 * x) / size - 1, (2 * y) / size - 1)) covered++;
      }
      const alpha = Math.round((255 * covered) / 64);
      rows.set([red, green, blue, alpha], row * (1 + 4 * size) + 1 + 4 * column);
    }
  }
  return rows;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

function png(size, drawing) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.set([8, 6, 0, 0, 0], 8); // 8 bits per channel, RGBA, no interlacing
  return Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels(size, drawing), { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

mkdirSync(folder, { recursive: true });
for (const size of [16, 32, 48, 128])
  writeFileSync(join(folder, `${size}.png`), png(size, PRODUCT));
for (const [state, drawing] of Object.entries(STATES)) {
  for (const size of [16, 32]) {
    writeFileSync(join(folder, `${state}-${size}.png`), png(size, drawing));
  }
}
