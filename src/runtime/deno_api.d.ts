// The parts of Deno's own API in use; its whole declarations would take the place of Node's and the page's.
declare const Deno: {
  readonly args: readonly string[];
  readonly env: { get(name: string): string | undefined };
  readonly stdout: { write(bytes: Uint8Array): Promise<number> };
  readonly SeekMode: { readonly Start: 0 };
  open(path: string | URL, options: { read: true }): Promise<DenoFile>;
  readonly version: { readonly deno: string };
  readonly build: { readonly os: string };
  readonly permissions: {
    querySync(of: { name: 'env' | 'read' | 'write'; path?: string }): {
      readonly state: 'granted' | 'denied' | 'prompt';
    };
  };
  stat(path: string): Promise<{ readonly size: number }>;
  readTextFile(path: string): Promise<string>;
  writeTextFile(path: string, text: string, options: { createNew: true }): Promise<void>;
  mkdir(path: string, options: { recursive: true }): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  systemMemoryInfo(): { readonly available: number };
};

interface DenoFile {
  read(target: Uint8Array): Promise<number | null>;
  seek(offset: number, whence: 0): Promise<number>;
  stat(): Promise<{ readonly isFile: boolean; readonly isDirectory: boolean; readonly size: number }>;
  close(): void;
}
