/** What `format` may be, as regular expressions: of each form the texts in common use. */

const day = String.raw`\d{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)`;
const clock = String.raw`(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?`;
const zone = String.raw`(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)`;
const label = '[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?';
const host = String.raw`${label}(?:\.${label}){0,4}`;
const octet = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const group = '[0-9a-f]{1,4}';
const segment = "(?:[A-Za-z0-9_.~!$&'()*+,;=:@-]|%[0-9A-F]{2}){0,64}";

export const formats: Readonly<Record<string, string>> = {
  date: day,
  time: `${clock}${zone}`,
  'date-time': `${day}T${clock}${zone}`,
  duration: String.raw`P(?:\d{1,4}W|\d{1,4}Y(?:\d{1,4}M)?(?:\d{1,4}D)?|\d{1,4}M(?:\d{1,4}D)?|\d{1,4}D|(?:\d{1,4}D)?T(?:\d{1,4}H(?:\d{1,4}M)?(?:\d{1,4}S)?|\d{1,4}M(?:\d{1,4}S)?|\d{1,4}S))`,
  email: String.raw`[A-Za-z0-9]{1,24}(?:[._+-][A-Za-z0-9]{1,24}){0,3}@${label}(?:\.${label}){1,3}`,
  hostname: host,
  ipv4: String.raw`${octet}(?:\.${octet}){3}`,
  ipv6: `(?:${group}:){7}${group}|::(?:${group}:){0,5}${group}|(?:${group}:){1,3}:${group}`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}',
  uri: String.raw`[a-z][a-z0-9+-]{1,10}://${host}(?::[1-9]\d{1,3})?(?:/${segment}){0,8}(?:\?${segment})?(?:#${segment})?`,
};
