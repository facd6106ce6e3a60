/** The page: a bar, what one is at, and one panel beside it. */
import { type ReadonlySignal, useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { closeModel, inspection, stage } from '../state/session.ts';
import { type Panel, panel } from '../state/settings.ts';
import type { Text } from '../text/en.ts';
import { t } from '../text/index.ts';
import { Button } from './button.tsx';
import { ChatView } from './chat.tsx';
import { ChatsPanel } from './chats_panel.tsx';
import type { IconName } from './icons.tsx';
import { Loading } from './loading.tsx';
import { LookPanel } from './look_panel.tsx';
import { ModelCard } from './model_card.tsx';
import { SamplingPanel } from './sampling_panel.tsx';
import { openFiles, Start } from './start.tsx';
import { StoragePanel } from './storage_panel.tsx';
import { Notices, TroubleBox } from './trouble.tsx';

const panels: Readonly<Record<Panel, { icon: IconName; title: keyof Text; view: () => preact.ComponentChild }>> = {
  chats: { icon: 'chats', title: 'chats', view: () => <ChatsPanel /> },
  look: { icon: 'look', title: 'look', view: () => <LookPanel /> },
  storage: { icon: 'storage', title: 'storage', view: () => <StoragePanel /> },
  sampling: { icon: 'sampling', title: 'sampling', view: () => <SamplingPanel /> },
};

export function App() {
  const dragged = useDroppedFiles();
  return (
    <div class={`page ${stage.value} ${panel.value ? 'with-panel' : ''}`}>
      <Bar />
      <main>
        <TroubleBox />
        <Notices />
        <Stage />
      </main>
      {panel.value && <Side key={panel.value} which={panel.value} />}
      {dragged.value && <div class="drop-veil">{t('dropNow')}</div>}
    </div>
  );
}

/** A file may be dropped anywhere; whether one is held over the page. */
function useDroppedFiles(): ReadonlySignal<boolean> {
  const dragged = useSignal(false);
  useEffect(() => {
    document.ondragover = (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault();
      dragged.value = true;
    };
    document.ondragleave = (event) => {
      if (event.relatedTarget === null) dragged.value = false;
    };
    document.ondrop = (event) => {
      dragged.value = false;
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length === 0) return; // text, for a field
      event.preventDefault();
      openFiles(files);
    };
  }, []);
  return dragged;
}

function Stage() {
  switch (stage.value) {
    case 'start':
    case 'inspecting':
      return <Start />;
    case 'inspected':
      return <ModelCard />;
    case 'loading':
      return <Loading />;
    case 'ready':
      return <ChatView />;
  }
}

function Bar() {
  return (
    <header class="bar">
      <span class="brand">webgguf</span>
      {stage.value === 'ready' && (
        <span class="model-chip">
          <span class="clip" id="model-name">
            {inspection.value?.name}
          </span>
          <Button id="close" icon="close" kind="quiet" label={t('back')} onClick={() => void closeModel()} />
        </span>
      )}
      <nav class="row">
        {Object.entries(panels).map(([name, { icon, title }]) => (
          <Button
            key={name}
            id={`show-${name}`}
            icon={icon}
            kind="quiet"
            label={t(title)}
            pressed={panel.value === name}
            onClick={() => {
              panel.value = panel.value === name ? undefined : (name as Panel);
            }}
          />
        ))}
      </nav>
    </header>
  );
}

function Side({ which }: { which: Panel }) {
  const { title, view } = panels[which];
  const aside = useRef<HTMLElement>(null);
  useEffect(() => aside.current?.focus({ preventScroll: true }), []);
  const close = () => {
    panel.value = undefined;
    document.getElementById(`show-${which}`)?.focus();
  };
  return (
    <aside
      ref={aside}
      class="side"
      tabIndex={-1}
      aria-labelledby="side-title"
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <div class="row">
        <h2 id="side-title" class="grow">
          {t(title)}
        </h2>
        <Button icon="close" kind="quiet" label={t('dismiss')} onClick={close} />
      </div>
      {view()}
    </aside>
  );
}
