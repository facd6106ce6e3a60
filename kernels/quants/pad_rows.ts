/** Rows of `rowBytes`, each behind zeros up to `paddedBytes`. */
export function padRows(bytes: Uint8Array, rowBytes: number, paddedBytes: number): Uint8Array {
  const rows = bytes.length / rowBytes;
  const padded = new Uint8Array(rows * paddedBytes);
  for (let row = 0; row < rows; row++) {
    padded.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), row * paddedBytes);
  }
  return padded;
}
