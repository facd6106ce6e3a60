import { chat, chats, deleteChat, exportChat, importChat, newChat, openChat } from '../state/chats.ts';
import { panel } from '../state/settings.ts';
import { showTrouble } from '../state/trouble.ts';
import { t } from '../text/index.ts';
import { Button } from './button.tsx';
import { Icon } from './icons.tsx';

export function ChatsPanel() {
  const open = (id: string) => {
    openChat(id);
    panel.value = undefined;
  };
  return (
    <>
      <div class="row">
        <Button
          id="new-chat"
          icon="plus"
          onClick={() => {
            newChat();
            panel.value = undefined;
          }}
        >
          {t('newChat')}
        </Button>
        <Button id="export" icon="out" disabled={chat.value.messages.length === 0} onClick={saveChat}>
          {t('exportChat')}
        </Button>
        <label class="button">
          <Icon name="in" />
          {t('importChat')}
          <input
            id="import"
            type="file"
            accept="application/json,.json"
            class="hidden-input"
            aria-label={t('importChat')}
            onChange={(event) => {
              const [file] = event.currentTarget.files ?? [];
              if (file) importChat(file).catch((error) => showTrouble(error));
              event.currentTarget.value = '';
            }}
          />
        </label>
      </div>
      {chats.value.length === 0 && <p class="soft">{t('noChats')}</p>}
      <ul class="list chats">
        {chats.value.map(({ id, title }) => (
          <li key={id} class={id === chat.value.id ? 'current' : ''}>
            <button type="button" class="grow clip quiet" aria-current={id === chat.value.id} onClick={() => open(id)}>
              {title || t('untitled')}
            </button>
            <Button
              icon="trash"
              kind="quiet"
              label={t('deleteChat', { title: title || t('untitled') })}
              onClick={() => void deleteChat(id)}
            />
          </li>
        ))}
      </ul>
    </>
  );
}

/** Browsers begin to save after the click. */
const savedMs = 10_000;

function saveChat(): void {
  const url = URL.createObjectURL(exportChat(chat.value));
  const link = Object.assign(document.createElement('a'), { href: url, download: 'chat.json' });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), savedMs);
}
