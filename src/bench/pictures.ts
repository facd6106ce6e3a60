/** SVG pictures of a bench: kernels under the device's rooflines, and speed over depth. */
import type { KernelRow } from './kernel_table.ts';
import type { DepthSpeed } from './model_bench.ts';
import { bestOf, type RooflineResult } from './rooflines/index.ts';

const width = 720;
const height = 440;
const margin = { left: 70, right: 20, top: 40, bottom: 55 };

interface Axis {
  readonly from: number;
  readonly to: number;
  readonly isLog: boolean;
  readonly title: string;
}

/** Floating point operations a second over operations per byte, on logarithmic axes; dots are as large as their share. */
export function rooflinePicture(
  title: string,
  rooflines: readonly RooflineResult[],
  rows: readonly KernelRow[],
): string {
  const memory = bestOf(rooflines, 'memory') ?? 1;
  const roofs = (['f32', 'packed dot', 'f16 matrix'] as const).flatMap((limits) => {
    const perSecond = bestOf(rooflines, limits);
    return perSecond === undefined ? [] : [{ limits, perSecond }];
  });
  const highest = Math.max(...roofs.map(({ perSecond }) => perSecond), memory);
  const points = rows.filter(({ flopsPerSecond, bytesPerSecond }) => flopsPerSecond > 0 && bytesPerSecond > 0);
  const intensities = points.map((row) => row.flopsPerSecond / row.bytesPerSecond);
  const x = {
    from: Math.min(0.1, ...intensities),
    to: Math.max(100, ...intensities),
    isLog: true,
    title: 'operations per byte',
  };
  const y = { from: (memory * x.from) / 20 / 1e9, to: (2 * highest) / 1e9, isLog: true, title: 'GFLOP/s' };
  const place = placer(x, y);
  const lines = roofs.map(({ limits, perSecond }, i) => {
    const ridge = perSecond / memory;
    const flat = line([place(ridge, perSecond / 1e9), place(x.to, perSecond / 1e9)], colours[i]!);
    return flat + text(place(x.to, perSecond / 1e9), limits, { anchor: 'end', dy: -5, colour: colours[i]! });
  });
  const slope = line([place(x.from, (memory * x.from) / 1e9), place(highest / memory, highest / 1e9)], '#444');
  const name = text(place(x.from, (memory * x.from) / 1e9), `memory ${(memory / 1e9).toFixed(1)} GB/s`, {
    dy: -22,
    dx: 8,
  });
  const dots = points.map((row, i) => {
    const [cx, cy] = place(intensities[i]!, row.flopsPerSecond / 1e9);
    const label = `${row.label} ${row.shape}: ${(100 * row.share).toFixed(1)} %`;
    const radius = 3 + 14 * Math.sqrt(row.share);
    return `<circle cx="${cx}" cy="${cy}" r="${radius.toFixed(1)}" fill="#2a6fbb" fill-opacity="0.5"><title>${escaped(label)}</title></circle>`;
  });
  return picture(title, x, y, [slope, name, ...lines, ...dots].join('\n'));
}

/** Tokens a second over depth: of a prompt and of decoding, each of what it is at depth 0. */
export function depthPicture(title: string, depths: readonly DepthSpeed[]): string {
  const [start] = depths;
  const x = { from: 0, to: Math.max(1, ...depths.map(({ depth }) => depth)), isLog: false, title: 'depth, tokens' };
  const y = { from: 0, to: 1.25, isLog: false, title: 'speed, of that at the first depth' };
  const place = placer(x, y);
  const curves = (['prefill', 'decode'] as const).map((phase, i) => {
    const first = start?.[phase].tokensPerSecond ?? 1;
    const points = depths.map((each) => place(each.depth, each[phase].tokensPerSecond / first));
    const dots = points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="4" fill="${colours[i]}"/>`).join('');
    const label = `${phase}: ${first.toPrecision(4)} tok/s at ${start?.depth ?? 0}`;
    return (
      line(points, colours[i]!) +
      dots +
      text([margin.left + 12, height - margin.bottom - 30 + 16 * i], label, { colour: colours[i]! })
    );
  });
  return picture(title, x, y, curves.join('\n'));
}

type Point = readonly [x: number, y: number];

const colours = ['#b5442e', '#2a6fbb', '#3a8a4d'];

function placer(x: Axis, y: Axis): (atX: number, atY: number) => Point {
  const along = ({ from, to, isLog }: Axis, value: number) => {
    const scale = isLog ? Math.log : (n: number) => n;
    return (scale(Math.max(from, Math.min(to, value))) - scale(from)) / (scale(to) - scale(from));
  };
  const [w, h] = [width - margin.left - margin.right, height - margin.top - margin.bottom];
  const rounded = (n: number) => Math.round(10 * n) / 10;
  return (atX, atY) => [rounded(margin.left + w * along(x, atX)), rounded(margin.top + h * (1 - along(y, atY)))];
}

function picture(title: string, x: Axis, y: Axis, inside: string): string {
  const place = placer(x, y);
  const ticks = [
    ...marks(x).map(
      (at) =>
        line([place(at, y.from), place(at, y.to)], '#ddd') +
        text(place(at, y.from), short(at), { anchor: 'middle', dy: 18 }),
    ),
    ...marks(y).map(
      (at) =>
        line([place(x.from, at), place(x.to, at)], '#ddd') +
        text(place(x.from, at), short(at), { anchor: 'end', dx: -6, dy: 4 }),
    ),
  ];
  const titles = [
    text([width / 2, 22], title, { anchor: 'middle', size: 14 }),
    text([width / 2, height - 12], x.title, { anchor: 'middle' }),
    `<text transform="translate(16 ${height / 2}) rotate(-90)" text-anchor="middle">${escaped(y.title)}</text>`,
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="${width}" height="${height}" fill="white"/>
${[...ticks, ...titles].join('\n')}
${inside}
</svg>
`;
}

/** Powers of ten, or five steps. */
function marks({ from, to, isLog }: Axis): number[] {
  if (!isLog) return Array.from({ length: 6 }, (_, i) => from + ((to - from) * i) / 5);
  const [first, last] = [Math.ceil(Math.log10(from)), Math.floor(Math.log10(to))];
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => 10 ** (first + i));
}

const short = (n: number) => (n >= 1e6 ? n.toExponential(0) : String(Number(n.toPrecision(3))));

function line(points: readonly Point[], colour: string): string {
  const path = points.map(([x, y]) => `${x},${y}`).join(' ');
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
}

interface TextStyle {
  readonly anchor?: 'middle' | 'end';
  readonly dx?: number;
  readonly dy?: number;
  readonly size?: number;
  readonly colour?: string;
}

function text([x, y]: Point, content: string, { anchor, dx = 0, dy = 0, size, colour }: TextStyle): string {
  const style = [anchor && `text-anchor="${anchor}"`, size && `font-size="${size}"`, colour && `fill="${colour}"`];
  return `<text x="${x + dx}" y="${y + dy}" ${style.filter(Boolean).join(' ')}>${escaped(content)}</text>`;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escaped = (content: string) => content.replace(/[&<>]/g, (character) => entities[character]!);
