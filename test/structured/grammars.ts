/** Fifty forms that are no JSON: GBNF and regular expressions, each with what JavaScript itself says of a text. */
export interface Form {
  readonly grammar?: string;
  readonly regex?: string;
  /** Matches all texts of the grammar, and no others as far as that can be said. */
  readonly whole: RegExp;
}

const regexes = [
  'yes|no',
  '(yes|no|maybe)[.!?]',
  '\\d{4}',
  '\\d{4}-\\d{2}-\\d{2}',
  '[A-Z][a-z]{2,12}',
  '#[0-9a-f]{6}',
  '[a-z]+(-[a-z]+){0,3}',
  '(\\d{1,3}\\.){3}\\d{1,3}',
  '\\+34 \\d{3} \\d{3} \\d{3}',
  '[A-Z]{2}\\d{2}',
  '(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day',
  'v\\d\\.\\d{1,2}\\.\\d',
  '[01]{8}',
  '([01]\\d|2[0-3]):[0-5]\\d',
  '-?\\d{1,4}(\\.\\d{1,2})?',
  '\\$\\d{1,3}\\.\\d{2}',
  '[^aeiou\\s]{5}',
  '(ab|ba){2,4}',
  '[áéíóúñ]{3}',
  '\\p{Lu}\\p{Ll}{3}',
  '"[^"\\n]{1,20}"',
  '\\((\\d, ){2}\\d\\)',
  'The answer is (one|two|three)\\.',
  '[a-z ]{10,20}\\.',
  '(red|green|blue)(, (red|green|blue)){2}',
  '\\w{3}@\\w{3}\\.(es|cat|gal|eus)',
];

const grammars: readonly (readonly [string, RegExp])[] = [
  ['root ::= "yes" | "no"', /^(yes|no)$/],
  ['root ::= [0-9]{1,3} " " ("cm" | "m")', /^\d{1,3} (cm|m)$/],
  ['root ::= item ("\\n" item){2}\nitem ::= "- " [a-z]{3,8}', /^(- [a-z]{3,8}\n?){3}$/],
  ['root ::= "(" root ")" | [0-9]', /^\(*\d\)*$/],
  ['root ::= "<b>" [a-z ]{1,12} "</b>"', /^<b>[a-z ]{1,12}<\/b>$/],
  ['root ::= term ([-+*/] term){1,3}\nterm ::= [1-9] | "(" [1-9] "+" [1-9] ")"', /^[-+*/()1-9]+$/],
  ['root ::= "SELECT " name " FROM " name ";"\nname ::= [a-z]{2,8}', /^SELECT [a-z]{2,8} FROM [a-z]{2,8};$/],
  ['root ::= ("a" | "b"){6}', /^[ab]{6}$/],
  ['root ::= [^a-z0-9\\n]{4}', /^[^a-z0-9\n]{4}$/],
  ['root ::= key ": " value\nkey ::= "name" | "city"\nvalue ::= [A-Z] [a-z]{2,9}', /^(name|city): [A-Z][a-z]{2,9}$/],
  [
    'root ::= "1. " move " " move\nmove ::= [a-h] [1-8] | [NBRQK] [a-h] [1-8]',
    /^1\. [NBRQK]?[a-h][1-8] [NBRQK]?[a-h][1-8]$/,
  ],
  ['root ::= "[" (num (", " num){0,4})? "]"\nnum ::= [0-9] | [1-9] [0-9]', /^\[(\d{1,2}(, \d{1,2}){0,4})?\]$/],
  ['root ::= line{3}\nline ::= [A-Z] [a-z]{3,6} "\\n"', /^([A-Z][a-z]{3,6}\n){3}$/],
  ['root ::= "été" | "año" | "日本"', /^(été|año|日本)$/],
  ['root ::= ("x" "y"?){3,5} "."', /^(xy?){3,5}\.$/],
  [
    'root ::= "{" pair ("," pair)? "}"\npair ::= "\\"" [a-z]{1,4} "\\":" [0-9]',
    /^\{"[a-z]{1,4}":\d(,"[a-z]{1,4}":\d)?\}$/,
  ],
  [
    'root ::= "I " verb " " noun "."\nverb ::= "like" | "see"\nnoun ::= "dogs" | "cats" | "you"',
    /^I (like|see) (dogs|cats|you)\.$/,
  ],
  ['root ::= hex hex (":" hex hex){5}\nhex ::= [0-9A-F]', /^[0-9A-F]{2}(:[0-9A-F]{2}){5}$/],
  ['root ::= "A" ("B" root)? "C"', /^(AB)*AC+$/],
  ['root ::= [\\u00e0-\\u00ff]{2} [\\x41-\\x43]', /^[à-ÿ]{2}[A-C]$/],
  ['root ::= [a-z]* " "? [0-9]?', /^[a-z]* ?\d?$/],
  ['root ::= ("na" " "?){4} "batman"', /^(na ?){4}batman$/],
  [
    'root ::= "if " cond ":\\n  " stmt\ncond ::= [xyz] " " [<>] " " [0-9]\nstmt ::= "pass" | "return " [xyz]',
    /^if [xyz] [<>] \d:\n {2}(pass|return [xyz])$/,
  ],
  ['root ::= "" | "a" | "aa" | "aaa"', /^a{0,3}$/],
];

export const forms: readonly Form[] = [
  ...regexes.map((regex) => ({ regex, whole: new RegExp(`^(?:${regex})$`, 'u') })),
  ...grammars.map(([grammar, whole]) => ({ grammar, whole })),
];
