/** Drawn here: one family, one stroke. */
const paths = {
  send: 'M12 19V5M5 12l7-7 7 7',
  stop: 'M7 7h10v10H7z',
  plus: 'M12 5v14M5 12h14',
  close: 'M6 6l12 12M18 6L6 18',
  chats: 'M4 6h16M4 12h16M4 18h10',
  look: 'M4 19V11M9.5 19V5M15 19v-6M20 19V8',
  storage:
    'M4 7c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 7v10c0 1.7 3.6 3 8 3s8-1.3 8-3V7M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3',
  sampling: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M10 14v6',
  file: 'M13 3H6v18h12V8zM13 3v5h5',
  copy: 'M8 8h11v12H8zM5 16V4h11',
  edit: 'M5 19l1-4L16 5l3 3L9 18z',
  again: 'M19 12a7 7 0 1 1-2.3-5.2M19 4v4h-4',
  trash: 'M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13',
  tokens: 'M4 6h6v5H4zM12 6h8v5h-8zM4 13h9v5H4zM15 13h5v5h-5z',
  prompt: 'M5 7l5 5-5 5M12 17h7',
  warning: 'M12 4l9 16H3zM12 10v4M12 17v.5',
  out: 'M12 15V4M8 8l4-4 4 4M5 14v6h14v-6',
  in: 'M12 4v11M8 11l4 4 4-4M5 14v6h14v-6',
};
export type IconName = keyof typeof paths;

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
);
