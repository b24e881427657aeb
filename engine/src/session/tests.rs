mod acknowledging;
mod fixture;
mod flow;
mod opening;
mod refreshing;
mod requests;
mod revoked;
