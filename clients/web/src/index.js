// The public face of the SDK.

export { TidingsClient } from './client.js';
export { Inbox } from './inbox.js';
export { View } from './view.js';
export { TidingsError } from './requests.js';
export { CarrierError } from './carrier.js';
