/** The conversation, and what is written next. */
import { useSignalEffect } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { answering, contextUsed, draftText, send, stop } from '../state/answer.ts';
import { chat } from '../state/chats.ts';
import { choice, inspection, llm } from '../state/session.ts';
import { number, t } from '../text/index.ts';
import { Icon } from './icons.tsx';
import { Answer, Question } from './message.tsx';

/** What the built-in model understands, one in each of its languages. */
const examples = [
  ['es', '¿Cuál es la capital de Portugal?'],
  ['ca', "Explica'm un conte d'un gat i una clau."],
  ['eu', 'Zein ibai igarotzen da Bilbo hiritik?'],
  ['gl', 'Que idiomas falas?'],
  ['en', 'My name is Alice.'],
] as const;

export function ChatView() {
  const { id } = chat.value;
  const now = answering.value?.chatId === id ? answering.value : undefined;
  const { messages } = now ?? chat.value;
  return (
    <div class="chat">
      <div class="scroller">
        <div class="log" role="log" aria-label={t('conversation')}>
          {messages.length === 0 && <Greeting />}
          {messages.map((message, i) =>
            message.role === 'user' ? (
              <Question key={`${id} ${i}`} index={i} content={message.content} />
            ) : (
              <Answer key={`${id} ${i}`} message={message} isLast={i === messages.length - 1 && !now} />
            ),
          )}
          {now && <Answer message={{ role: 'assistant', content: now.text }} isLast={false} isComing />}
        </div>
      </div>
      <Composer />
    </div>
  );
}

function Greeting() {
  const name = inspection.value?.name ?? '';
  return (
    <div class="greeting">
      <h1>{t('greeting', { name })}</h1>
      {choice.value?.kind === 'pocket' && (
        <>
          <p class="soft">{t('examples')}</p>
          <ul class="examples">
            {examples.map(([lang, text]) => (
              <li key={lang}>
                <button type="button" lang={lang} onClick={() => void send(text)}>
                  {text}
                </button>
              </li>
            ))}
          </ul>
        </>
      )}
      {inspection.value && !inspection.value.hasChatTemplate && <p class="soft">{t('noTemplate')}</p>}
    </div>
  );
}

function Composer() {
  const area = useRef<HTMLTextAreaElement>(null);
  const isAnswering = answering.value !== undefined;
  useSignalEffect(() => {
    if (!answering.value && chat.value.id) area.current?.focus({ preventScroll: true });
  });
  const submit = () => {
    const content = draftText.value.trim();
    if (content && !answering.value) void send(content);
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div class="writing">
        <textarea
          id="question"
          ref={area}
          rows={1}
          aria-label={t('message')}
          placeholder={t('messageHint')}
          value={draftText.value}
          onInput={(event) => {
            draftText.value = event.currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            submit();
          }}
        />
        {isAnswering ? (
          <button type="button" id="stop" class="round" aria-label={t('stop')} title={t('stop')} onClick={stop}>
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            id="send"
            class="round primary"
            aria-label={t('send')}
            title={t('send')}
            disabled={!draftText.value.trim()}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
      <ContextMeter />
    </form>
  );
}

function ContextMeter() {
  const total = llm.value?.info.contextLength ?? 0;
  const used = Math.min(contextUsed.value, total); // the last token of an answer takes no place
  const text = t('contextMeter', { used: number(used), total: number(total) });
  return (
    <div class="context soft small">
      <meter min={0} max={total} value={used} high={0.8 * total} aria-label={text} />
      <span id="context">{text}</span>
      <span role="status" class="grow right">
        {answering.value && t('answeringNow')}
      </span>
    </div>
  );
}
