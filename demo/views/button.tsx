import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icons.tsx';

interface Props {
  readonly onClick: () => void;
  readonly icon?: IconName;
  readonly kind?: 'primary' | 'quiet';
  readonly disabled?: boolean;
  readonly pressed?: boolean;
  /** What a screen reader says of a button that shows an icon alone. */
  readonly label?: string;
  readonly id?: string;
  readonly children?: ComponentChildren;
}

export function Button({ onClick, icon, kind, disabled = false, pressed, label, id, children }: Props) {
  const bare = children === undefined;
  return (
    <button
      type="button"
      id={id}
      class={[kind, bare && 'bare'].filter(Boolean).join(' ')}
      disabled={disabled}
      aria-pressed={pressed}
      aria-label={label}
      title={bare ? label : undefined}
      onClick={onClick}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
