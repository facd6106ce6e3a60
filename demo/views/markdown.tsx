/**
 * A model's words as Markdown. Whatever they are, they are only ever text and a few harmless elements here: no scripts,
 * styles, images, forms or frames, which would run, look like the page's own, or call out.
 */
import DOMPurify from 'dompurify';
import { Marked } from 'marked';
import { useLayoutEffect, useRef } from 'preact/hooks';

/** HTML that models write and mean so; all other HTML is shown as they wrote it. */
const meant = /^<\/?(br|hr|sub|sup|b|i|em|strong|del|code)\s*\/?>$/i;
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    image: ({ text }) => escaped(text), // a picture would call out
    html({ text, block }) {
      if (meant.test(text.trim())) return text;
      return block ? `<p>${escaped(text)}</p>` : escaped(text);
    },
  },
});

const tags =
  'p br strong b em i del code pre blockquote ul ol li h1 h2 h3 h4 h5 h6 hr table thead tbody tr th td a sup sub'.split(
    ' ',
  );

export function sanitized(text: string): DocumentFragment {
  const fragment = DOMPurify.sanitize(marked.parse(text, { async: false }), {
    ALLOWED_TAGS: tags,
    ALLOWED_ATTR: ['href', 'align', 'start'],
    ALLOWED_URI_REGEXP: /^(https?|mailto):/i,
    RETURN_DOM_FRAGMENT: true,
  });
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
  }
  for (const wide of fragment.querySelectorAll<HTMLElement>('pre, table')) wide.tabIndex = 0; // it scrolls by keyboard
  return fragment;
}

export function Markdown({ text }: { text: string }) {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => element.current?.replaceChildren(sanitized(text)), [text]);
  return <div class="markdown" ref={element} />;
}
