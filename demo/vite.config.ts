/** `npm run demo` serves this folder; `npx vite build demo` writes it to demo/dist, for any address. */
export default { base: './' };
