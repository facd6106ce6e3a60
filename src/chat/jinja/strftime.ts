const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** Python's strftime in its C locale, local time; `%-d` leaves out the padding as glibc does. What it does not know stays. */
export function strftime(date: Date, format: string): string {
  return format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (directive, flag: string, letter: string) => {
    const field = fields[letter]?.(date);
    if (field === undefined) return directive;
    if (typeof field === 'string') return flag === '^' ? field.toUpperCase() : field;
    const [number, width, fill] = field;
    if (flag === '-') return String(number);
    return String(number).padStart(width, flag === '_' ? ' ' : flag === '0' ? '0' : fill);
  });
}

type Field = string | readonly [number: number, width: number, fill: string];
const padded = (number: number, width = 2, fill = '0'): Field => [number, width, fill];
const hour12 = (date: Date) => date.getHours() % 12 || 12;

const fields: Readonly<Record<string, (date: Date) => Field>> = {
  '%': () => '%',
  a: (date) => DAYS[date.getDay()]!.slice(0, 3),
  A: (date) => DAYS[date.getDay()]!,
  b: (date) => MONTHS[date.getMonth()]!.slice(0, 3),
  h: (date) => MONTHS[date.getMonth()]!.slice(0, 3),
  B: (date) => MONTHS[date.getMonth()]!,
  c: (date) => strftime(date, '%a %b %e %H:%M:%S %Y'),
  C: (date) => padded(Math.floor(date.getFullYear() / 100)),
  d: (date) => padded(date.getDate()),
  D: (date) => strftime(date, '%m/%d/%y'),
  e: (date) => padded(date.getDate(), 2, ' '),
  f: (date) => padded(date.getMilliseconds() * 1000, 6),
  F: (date) => strftime(date, '%Y-%m-%d'),
  H: (date) => padded(date.getHours()),
  I: (date) => padded(hour12(date)),
  j: (date) => padded(dayOfYear(date), 3),
  m: (date) => padded(date.getMonth() + 1),
  M: (date) => padded(date.getMinutes()),
  n: () => '\n',
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  R: (date) => strftime(date, '%H:%M'),
  s: (date) => padded(Math.floor(date.getTime() / 1000), 1),
  S: (date) => padded(date.getSeconds()),
  t: () => '\t',
  T: (date) => strftime(date, '%H:%M:%S'),
  u: (date) => padded(date.getDay() || 7, 1),
  w: (date) => padded(date.getDay(), 1),
  x: (date) => strftime(date, '%m/%d/%y'),
  X: (date) => strftime(date, '%H:%M:%S'),
  y: (date) => padded(date.getFullYear() % 100),
  Y: (date) => padded(date.getFullYear(), 1),
  z: () => '',
  Z: () => '',
};

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 0);
  return Math.round((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000);
}
