//! What comes in and goes out.

mod accounts;
mod catalogue;

pub use accounts::{
    CarrierAccountView, ChannelEdit, ChannelView, IssuedKey, KeyView, MerchantEdit, NewCarrierAccount, NewChannel,
    NewKey, NewMerchant, ResealReport,
};
pub use catalogue::{
    Address, ImportLine, ImportOutcome, ImportReport, ItemView, LocationEdit, LocationView, NewItem, NewLocation,
};
