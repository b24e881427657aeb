// Types of the browser SDK, written by hand from the JSDoc of `src/`. The modules are plain JavaScript.

export type CarrierName = 'webtransport' | 'websocket';
export type CarrierChoice = 'auto' | CarrierName;
export type Status = 'idle' | 'connecting' | 'online' | 'waiting' | 'stopped' | 'closed';
export type Severity = 'high' | 'medium' | 'low' | 'none';
export type Mark =
  | 'mark_seen' | 'mark_unseen' | 'mark_read' | 'mark_unread' | 'archive' | 'unarchive' | 'delete'
  | 'pin' | 'unpin' | 'snooze' | 'unsnooze' | 'complete' | 'revert';
export type BulkCommand = 'mark_all_seen' | 'mark_all_read' | 'archive_all' | 'archive_read' | 'delete_all';
/** A token, or a function that gets a fresh one from the application's own back end. */
export type TokenGiver = string | (() => string | Promise<string>);

export interface Redirect {
  url: string;
  target?: string;
}

export interface ActionButton {
  label: string;
  isCompleted?: boolean;
  redirect?: Redirect;
}

/** One notification as it stands in one inbox. Times are RFC 3339 in UTC. */
export interface Item {
  id: string;
  transactionId?: string;
  subject?: string;
  body: string;
  isRead: boolean;
  isSeen: boolean;
  isArchived: boolean;
  isSnoozed: boolean;
  isPinned?: boolean;
  createdAt: string;
  deliveredAt?: string[];
  snoozedUntil?: string;
  readAt?: string;
  firstSeenAt?: string;
  archivedAt?: string;
  expiresAt?: string;
  avatar?: string;
  actor?: { subscriberId: string };
  primaryAction?: ActionButton;
  secondaryAction?: ActionButton;
  tags?: string[];
  data?: unknown;
  redirect?: Redirect;
  category?: string;
  groupKey?: string;
  severity?: Severity;
}

/** Exact counts; `severity` counts unread items. */
export interface Counts {
  total: number;
  unseen: number;
  unread: number;
  severity: Record<Severity, number>;
}

/** Which items a list or a bulk command is about; an absent field selects everything. */
export interface Filter {
  read?: boolean;
  seen?: boolean;
  archived?: boolean;
  snoozed?: boolean;
  /** One of them, or one of each group. */
  tags?: string[] | string[][];
  severity?: Severity | Severity[];
  category?: string;
  /** Milliseconds since 1970. */
  createdGte?: number;
  createdLte?: number;
}

/** The server's no to a command or a page. */
export class TidingsError extends Error {
  readonly code: string;
  readonly retryAfterMs?: number;
}

/** A carrier that could not be opened. */
export class CarrierError extends Error {
  readonly retryAfterMs?: number;
}

/** A filtered, live list, down to the end of its last page. */
export class View {
  readonly items: Item[];
  readonly hasMore: boolean;
  readonly isLoaded: boolean;
  readonly isLoading: boolean;
  /** Loads the first page, unless it is there. */
  open(): Promise<void>;
  /** Loads the next page. */
  more(): Promise<void>;
}

export interface InboxEvents {
  items: CustomEvent<{ inbox: string }>;
  counts: CustomEvent<{ inbox: string; counts: Counts }>;
  /** `live` is false for what is told while catching up. */
  notification: CustomEvent<{ inbox: string; item: Item; live: boolean }>;
  behind: CustomEvent<{ inbox: string }>;
  caught_up: CustomEvent<{ inbox: string }>;
  resync: CustomEvent<{ inbox: string; reason: string }>;
}

/** The store of one inbox. */
export class Inbox extends EventTarget {
  readonly name: string;
  readonly cursor: string | undefined;
  readonly isLive: boolean;
  readonly items: Item[];
  readonly counts: Counts;
  /** The default list: neither archived nor snoozed. */
  readonly all: View;
  view(filter: Filter): View;
  /** Puts a mark on items; it shows at once and rolls back when the server refuses. */
  mark(mark: Mark, ids: string | string[], details?: { snoozeUntil?: string; action?: 'primary' | 'secondary' }): Promise<void>;
  markAll(command: BulkCommand, scope?: { filter?: Filter; upTo?: string }): Promise<void>;
  addEventListener<K extends keyof InboxEvents>(type: K, listener: (event: InboxEvents[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

export interface ClientOptions {
  token: TokenGiver;
  /** Address of the server; default: where the page came from. */
  url?: string;
  /** Subscribed from the start; default `['me']`. */
  inboxes?: string[];
  carrier?: CarrierChoice;
  /** Tabs with the same text share one connection; the person's id is a good one. */
  share?: string;
}

export interface ClientEvents extends InboxEvents {
  status: CustomEvent<{ status: Status; reason?: string; code?: number; retryInMs?: number }>;
  carrier: CustomEvent<{ carrier: CarrierName | null }>;
  welcome: CustomEvent<{ session: string; epoch: string; tenant: string; subject: string; roles: string[]; expires: string; serverTime: string }>;
  drain: CustomEvent<{ reconnectAfterMs: number }>;
  error: CustomEvent<{ code: string; message: string }>;
  /** Every frame, tokens masked. */
  frame: CustomEvent<{ direction: 'in' | 'out'; frame: Record<string, unknown> }>;
}

/** A session of this person on the server. */
export interface SessionInfo {
  id: string;
  subscriberId: string;
  carrier: string;
  since: string;
  lastSeen: string;
  client?: string;
  /** Without its last part. */
  address: string;
  userAgent?: string;
  /** Whether it is the one of this client. */
  current: boolean;
}

/** A connection to Tidings that heals itself. */
export class TidingsClient extends EventTarget {
  constructor(options: ClientOptions);
  readonly status: Status;
  readonly carrier: CarrierName | null;
  readonly carrierChoice: CarrierChoice;
  connect(): void;
  close(): void;
  inbox(name?: string): Inbox;
  leave(name: string): void;
  useCarrier(choice: CarrierChoice): void;
  setToken(token: TokenGiver): void;
  /** Sends a command; it is performed once, however often the connection breaks. */
  command(command: string, fields?: Record<string, unknown>): Promise<{ id: string; ok: true; cursor?: string; result?: unknown }>;
  /** This person's sessions, on all devices. */
  sessions(): Promise<SessionInfo[]>;
  /** Ends all of this person's sessions but this client's own; gives how many. */
  endOtherSessions(): Promise<number>;
  endSession(id: string): Promise<void>;
  addEventListener<K extends keyof ClientEvents>(type: K, listener: (event: ClientEvents[K]) => void, options?: boolean | AddEventListenerOptions): void;
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void;
}

/** `<tidings-inbox>`, from `@tidings/web/inbox-element`. */
export class TidingsInbox extends HTMLElement {
  inbox: Inbox | null;
  set client(client: TidingsClient);
}
