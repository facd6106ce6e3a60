// The parts of Deno's own API in use; its whole declarations would take the place of Node's and the page's.
declare const Deno: {
  readonly args: readonly string[];
  readonly env: { get(name: string): string | undefined };
  readonly stdout: { write(bytes: Uint8Array): Promise<number> };
  readonly SeekMode: { readonly Start: 0 };
  open(path: string | URL, options: { read: true }): Promise<DenoFile>;
  systemMemoryInfo(): { readonly available: number };
};

interface DenoFile {
  read(target: Uint8Array): Promise<number | null>;
  seek(offset: number, whence: 0): Promise<number>;
  stat(): Promise<{ readonly isFile: boolean; readonly isDirectory: boolean; readonly size: number }>;
  close(): void;
}
