mod fixture;
mod flow;
mod opening;
mod requests;
