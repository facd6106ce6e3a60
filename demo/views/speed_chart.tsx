/** Tokens a second, as they came: each point over the half second before it. */
import { number, t } from '../text/index.ts';

const [width, height] = [320, 72];
const windowMs = 500;
const shownPoints = 240;

interface Point {
  readonly rate: number;
  /** Of an answer: no line is drawn to it. */
  readonly isFirst: boolean;
}

export function SpeedChart({ times }: { times: readonly number[] }) {
  const points = ratesOf(times).slice(-shownPoints);
  if (points.length < 2) return <p class="soft small">{t('speedNone')}</p>;
  const most = Math.max(...points.map(({ rate }) => rate));
  const x = (i: number) => (i * width) / (points.length - 1);
  const y = (rate: number) => height - 4 - (rate / most) * (height - 12);
  const line = points.map(
    ({ rate, isFirst }, i) => `${isFirst || i === 0 ? 'M' : 'L'}${x(i).toFixed(1)} ${y(rate).toFixed(1)}`,
  );
  const now = t('speedNow', { rate: number(points.at(-1)!.rate, 1) });
  return (
    <figure>
      <svg class="speed" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={now}>
        <path class="grid" d={`M0 ${height - 4}H${width}`} />
        <path class="line" d={line.join('')} vector-effect="non-scaling-stroke" />
      </svg>
      <figcaption class="soft small numbers">{now}</figcaption>
    </figure>
  );
}

/** NaN stands between answers. */
export function ratesOf(times: readonly number[]): Point[] {
  const points: Point[] = [];
  let first = 0;
  let isFirst = true;
  for (const [i, time] of times.entries()) {
    if (Number.isNaN(time)) [first, isFirst] = [i + 1, true];
    while (first < i - 1 && time - times[first]! > windowMs) first++;
    if (first >= i) continue;
    points.push({ rate: ((i - first) * 1000) / Math.max(1, time - times[first]!), isFirst });
    isFirst = false;
  }
  return points;
}
