// The browser is the system's Chromium, found or installed by `npm run setup`: nothing is downloaded at install time.
module.exports = { skipDownload: true };
