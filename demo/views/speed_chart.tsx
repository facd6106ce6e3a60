/** Tokens a second, as they came: each point over the half second before it. */
import { number, t } from '../text/index.ts';

const [width, height] = [320, 72];
const windowMs = 500;
/** A pause between answers, in milliseconds: no line is drawn across. */
const pauseMs = 1500;
const shownPoints = 240;

interface Point {
  readonly rate: number;
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

export function ratesOf(times: readonly number[]): Point[] {
  const points: Point[] = [];
  let first = 0;
  for (let i = 1; i < times.length; i++) {
    const isFirst = times[i]! - times[i - 1]! > pauseMs;
    if (isFirst) first = i;
    while (first < i - 1 && times[i]! - times[first]! > windowMs) first++;
    if (first === i) continue;
    const startsHere = points.length > 0 && first === i - 1 && i >= 2 && times[i - 1]! - times[i - 2]! > pauseMs;
    points.push({ rate: ((i - first) * 1000) / Math.max(1, times[i]! - times[first]!), isFirst: startsHere });
  }
  return points;
}
