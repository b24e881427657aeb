mod acknowledging;
mod fixture;
mod flow;
mod limits;
mod opening;
mod refreshing;
mod requests;
mod revoked;
