//! The steps.

/// One of the inboxes that a script is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The person's own.
    Me,
    /// The tenant's.
    Tenant,
    /// One that is not offered yet, or not to this caller.
    Platform,
}

/// Where a subscription goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Nowhere: with a snapshot.
    Nowhere,
    /// Where the reader stands.
    Own,
    /// Half of the way to where the reader stands.
    Older,
    /// A cursor of another tenant.
    Foreign,
    /// No cursor.
    Garbage,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The client says `hello` with one of the tokens, and follows an inbox from the start.
    Hello {
        /// Which token of the client's tenant, counted round.
        token: usize,
        /// What it follows.
        which: Which,
        /// From where.
        from: From,
    },
    /// The client hands in another token.
    Refresh(usize),
    /// The client follows an inbox.
    Subscribe(Which, From),
    /// The client follows it no more.
    Unsubscribe(Which),
    /// The client gives a command; on the second stream where it says so.
    Command {
        /// On the stream for pages, where no command belongs.
        fetch_stream: bool,
    },
    /// The client asks for a page.
    Fetch {
        /// On the stream for pages.
        fetch_stream: bool,
        /// Of which inbox.
        which: Which,
    },
    /// The client says up to where it has everything.
    Ack,
    /// The client asks for a sign of life.
    Ping,
    /// The client answers a ping.
    Pong,
    /// The client says what is no frame of the protocol.
    Nonsense,
    /// The client sends these bytes.
    Bytes {
        /// On the stream for pages.
        fetch_stream: bool,
        /// Which.
        bytes: Vec<u8>,
    },
    /// The client sends a frame that is too long.
    TooLarge,
    /// The client sends what is no text.
    NotText,
    /// The carrier shows a sign of life.
    Alive,
    /// An item of an inbox changes.
    Change {
        /// Which inbox: [`Which::Platform`] has none.
        which: Which,
        /// Which item.
        item: u8,
        /// Bytes of its delta.
        bytes: usize,
    },
    /// The server answers a question: the first one that is open, well or by a refusal.
    Serve {
        /// Chooses among the answers.
        choice: usize,
    },
    /// The server says something that nobody asked for.
    Unasked {
        /// Chooses what.
        choice: usize,
        /// About which inbox.
        which: Which,
    },
    /// The writer takes so many frames of the first stream.
    Write(usize),
    /// The writer takes a frame of the second stream.
    WriteFetched,
    /// So many milliseconds pass.
    Wait(i64),
    /// The server leaves soon.
    Drain,
    /// The server ends the session.
    Close,
}
