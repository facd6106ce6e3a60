import { askToPersist, deleteStored, room, stored } from '../state/stored.ts';
import { bytes, t } from '../text/index.ts';
import { Button } from './button.tsx';
import { shortName } from './start.tsx';

export function StoragePanel() {
  return (
    <>
      {stored.value.length === 0 && <p class="soft">{t('storageNone')}</p>}
      <ul class="list" id="stored">
        {stored.value.map(({ key, name, byteLength, storedBytes }) => {
          const [done, total] = [bytes(storedBytes), bytes(byteLength)];
          return (
            <li key={key}>
              <span class="grow clip" title={name}>
                {shortName(name)}
              </span>
              <span class="soft">{storedBytes === byteLength ? total : t('storedPart', { done, total })}</span>
              <Button
                icon="trash"
                kind="quiet"
                label={t('deleteModel', { name: shortName(name) })}
                onClick={() => void deleteStored(key)}
              />
            </li>
          );
        })}
      </ul>
      {room.value && (
        <>
          <meter min={0} max={room.value.quota} value={room.value.usage} aria-label={t('storage')} />
          <p class="soft small">
            {t('storageRoom', { used: bytes(room.value.usage), quota: bytes(room.value.quota) })}
          </p>
          <p class="soft small">{t(room.value.isPersistent ? 'persistent' : 'notPersistent')}</p>
          {!room.value.isPersistent && <Button onClick={() => void askToPersist()}>{t('persist')}</Button>}
        </>
      )}
    </>
  );
}
